"""Which of the likely spans become entities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def without_overlaps(
    starts: NDArray[np.int64], ends: NDArray[np.int64], n_tokens: int
) -> NDArray[np.int64]:
    """Indices of spans that overlap none of those before them, best first.

    starts, ends: (spans,) half-open token numbers, the best span first. What is chosen from the
    first k spans is a part of what is chosen from more, so a lower threshold never loses an entity.
    """
    taken = np.zeros(n_tokens, dtype=bool)
    chosen = []
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        if not taken[start:end].any():
            taken[start:end] = True
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)
