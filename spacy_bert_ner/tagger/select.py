"""Which of the likely spans become entities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .lattice import Lattice
from .scaling import Scaling

# What rounding may take from a confidence on its way to a probability and back.
_ROUNDING = 1e-9


def likely_entities(
    lattice: Lattice, threshold: float, scaling: Scaling
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The spans of at least that confidence, surest first, less those that overlap a surer one.

    Returns starts, ends (half open, batch-wide token numbers), indices of labels, and the model's own
    probabilities, (spans,) each. A lower threshold finds all that a higher one finds.
    """
    longest = int(np.bincount(lattice.lasts).max())
    bar = scaling.least_probability(threshold, longest) * (1 - _ROUNDING)
    starts, ends, labels, probabilities = lattice.likely_spans(bar)
    confidences = scaling.confidences(probabilities, ends - starts)
    order = np.argsort(-confidences, kind="stable")
    order = order[confidences[order] >= threshold * (1 - _ROUNDING)]
    taken = np.zeros(len(lattice.tags), dtype=bool)
    kept = []
    for i, start, end in zip(order.tolist(), starts[order].tolist(), ends[order].tolist()):
        if not taken[start:end].any():
            taken[start:end] = True
            kept.append(i)
    chosen = np.array(kept, dtype=np.int64)
    return starts[chosen], ends[chosen], labels[chosen], probabilities[chosen]
