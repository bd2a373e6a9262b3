"""Cross-entropy over tags, and what is known of spans that are no entities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .scheme import MISSING

# A wrong span whose probability is nearly one would have an unbounded loss.
_MIN_COMPLEMENT = 1e-6


def tag_loss(
    scores: Tensor,
    gold: NDArray[np.int64],
    incorrect: Sequence[tuple[int, Sequence[int]]] = (),
) -> tuple[float, Tensor]:
    """Mean loss of the annotated tokens, and its gradient with respect to the scores.

    scores: (tokens, tags). gold: (tokens,) tag numbers, MISSING where nothing is annotated.
    incorrect: spans known to be wrong, each as its first token and the tags it would have. A span's
        loss is -log(1 - p), where p is the product of its tags' probabilities.
    """
    scores = scores.detach().float().requires_grad_()
    target = torch.from_numpy(gold).to(scores.device)
    with torch.enable_grad():
        log_probabilities = torch.log_softmax(scores, dim=1)
        total = torch.nn.functional.nll_loss(
            log_probabilities, target, ignore_index=MISSING, reduction="sum"
        )
        for start, tags in incorrect:
            rows = torch.arange(start, start + len(tags), device=scores.device)
            columns = torch.tensor(tags, device=scores.device)
            log_p = log_probabilities[rows, columns].sum()
            total = total - torch.log((-torch.expm1(log_p)).clamp_min(_MIN_COMPLEMENT))
        loss = total / max(1, int((gold != MISSING).sum()) + len(incorrect))
    (gradient,) = torch.autograd.grad(loss, scores)
    return float(loss.detach()), gradient
