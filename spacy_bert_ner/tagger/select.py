"""Which of the likely spans become entities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .lattice import Lattice


def likely_entities(
    lattice: Lattice, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The spans of at least that probability, likeliest first, less those that overlap a likelier.

    Returns starts, ends (half open, batch-wide token numbers), indices of labels, and probabilities,
    (spans,) each. A lower threshold finds all that a higher one finds.
    """
    starts, ends, labels, probabilities = lattice.likely_spans(threshold)
    taken = np.zeros(len(lattice.tags), dtype=bool)
    kept = []
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        if not taken[start:end].any():
            taken[start:end] = True
            kept.append(i)
    chosen = np.array(kept, dtype=np.int64)
    return starts[chosen], ends[chosen], labels[chosen], probabilities[chosen]
