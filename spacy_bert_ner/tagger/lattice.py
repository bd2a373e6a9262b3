"""Probabilities of entity spans: forward–backward over the valid tag sequences (Rabiner, 1989)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .decode import apply_roles, batches
from .scheme import TagScheme

# Stands for minus infinity where differences are taken; its exponential is zero.
_BARRED = -1e4
# Less is told from nothing by no score; the product of two is still a float.
_LEAST = -100.0


@dataclass
class Lattice:
    """What the probability of every span of a batch follows from.

    A tag sequence weighs the product of its tags' softmax probabilities; its probability is its
    weight's share in the weight of all valid sequences of its Doc. The arrays are natural
    logarithms, rows are batch-wide token numbers.

    tags: (tokens, tags) – each tag by itself.
    before: (tokens,) – all that may precede an entity that starts at the token.
    after: (tokens,) – all that may follow an entity that ends at the token.
    totals: (tokens,) – all valid sequences of the token's Doc.
    lasts: (tokens,) – number of the last token of the token's Doc.
    """

    tags: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    totals: NDArray[np.float64]
    lasts: NDArray[np.int64]
    scheme: TagScheme

    def label_probabilities(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """(spans, labels) – probability that exactly this span is an entity of that label.

        starts, ends: (spans,) half-open token numbers; no span is empty or crosses Docs.
        """
        columns = self.scheme.span_columns
        middles = self.tags[:, columns.middle]
        inside = np.concatenate((np.zeros_like(middles[:1]), np.cumsum(middles, axis=0)))
        several = self.tags[starts][:, columns.first] + self.tags[ends - 1][:, columns.last]
        several += inside[ends - 1] - inside[np.minimum(starts + 1, ends - 1)]
        alone = self.tags[starts][:, columns.only]
        weights = np.where((ends - starts == 1)[:, None], alone, several)
        rest = self.before[starts] + self.after[ends - 1] - self.totals[starts]
        return np.exp(np.minimum(weights + rest[:, None], 0.0))

    def likely_spans(
        self, threshold: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """All spans of at least that probability; they may overlap where it is below one half.

        threshold: above 0. Returns starts, ends (half open), indices of labels, and probabilities,
        (spans,) each, by descending probability.
        """
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must be above 0 and at most 1, got {threshold!r}.")
        bar = np.log(threshold)
        columns = self.scheme.span_columns
        known = self.before - self.totals
        found = [self._closed(*self._above(known[:, None] + self.tags[:, columns.only], bar), 0)]
        # Entities that have begun, longer by a token in each round. What is known of one never
        # grows, but for the total, which the bar has been lowered by.
        start, label, weight = self._above(known[:, None] + self.tags[:, columns.first], bar)
        length = 1
        while len(start):
            goes_on = start + length <= self.lasts[start]
            start, label, weight = start[goes_on], label[goes_on], weight[goes_on]
            here = self.tags[start + length]
            rows = np.arange(len(start))
            found.append(
                self._closed(start, label, weight + here[rows, columns.last[label]], length)
            )
            weight = weight + here[rows, columns.middle[label]]
            likely = weight >= bar
            start, label, weight = start[likely], label[likely], weight[likely]
            length += 1
        starts, ends, labels, weights = (np.concatenate(part) for part in zip(*found))
        enough = weights >= bar
        starts, ends, labels, weights = (x[enough] for x in (starts, ends, labels, weights))
        # Ties go to the first in the text, and to the longer of two that start together.
        order = np.lexsort((labels, -ends, starts, -weights))
        probabilities = np.exp(np.minimum(weights[order], 0.0))
        return starts[order], ends[order], labels[order], probabilities

    def _above(
        self, weights: NDArray[np.float64], bar: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        token, label = np.nonzero(weights >= bar)
        return token, label, weights[token, label]

    def _closed(
        self,
        start: NDArray[np.int64],
        label: NDArray[np.int64],
        weight: NDArray[np.float64],
        length: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        return start, start + length + 1, label, weight + self.after[start + length]


def span_lattice(
    scores: Tensor,
    lengths: NDArray[np.int64],
    roles: NDArray[np.int64],
    scheme: TagScheme,
) -> Lattice:
    """Run forward–backward over the tag scores of a batch of Docs.

    scores: (tokens, tags) of all Docs end to end. lengths: (docs,). roles: (tokens,) `TokenRole`s.
    """
    weights = torch.log_softmax(apply_roles(scores.float(), roles, scheme), dim=1)
    # A step is a handful of operations on a few numbers for each Doc: numpy is done with it before a
    # GPU is told of the first one.
    tags = weights.double().cpu().numpy()
    tags = np.where(np.isneginf(tags), _BARRED, np.maximum(tags, _LEAST))
    steps = _Steps(tags, scheme)
    ends = np.cumsum(lengths)
    before, after, totals = (np.zeros(len(tags)) for _ in range(3))
    for docs in batches(np.flatnonzero(lengths), lengths):
        steps.run(ends[docs] - lengths[docs], lengths[docs], before, after, totals)
    return Lattice(tags, before, after, totals, np.repeat(ends - 1, lengths), scheme)


class _Steps:
    """What a token's tags do to what is between it and the tokens beside it.

    Between two tokens either no entity goes on, or one of some label does: L + 1 states for L labels,
    which makes a step linear in the tags. Weights of states are scaled to a sum of one after each step
    (Rabiner, 1989, section V.A), and the scales are added up as logarithms.

    closed: (tokens,) – from no entity to no entity. opening, closing, inside: (tokens, labels) – into
    an entity of that label, out of it, and on in it.
    """

    def __init__(self, tags: NDArray[np.float64], scheme: TagScheme) -> None:
        weights = np.exp(tags)
        columns = scheme.span_columns
        self.closed = weights[:, scheme.starts & scheme.ends].sum(axis=1)
        self.opening = weights[:, columns.first]
        self.closing = weights[:, columns.last]
        self.inside = weights[:, columns.middle]

    def run(
        self,
        firsts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        before: NDArray[np.float64],
        after: NDArray[np.float64],
        totals: NDArray[np.float64],
    ) -> None:
        """Fill `before`, `after` and `totals` (see `Lattice`) for Docs given longest first."""
        running = np.arange(int(lengths[0]))[:, None] < lengths
        # Tokens step by step, those of one step next to each other.
        tokens = (firsts + np.arange(int(lengths[0]))[:, None])[running]
        active = running.sum(axis=1).tolist()
        bounds = np.concatenate(([0], np.cumsum(active))).tolist()
        closed, opening, closing, inside = (
            weights[tokens] for weights in (self.closed, self.opening, self.closing, self.inside)
        )
        owner = np.nonzero(running)[1]

        def walk(
            steps: Iterable[int], entering: NDArray[np.float64], leaving: NDArray[np.float64]
        ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
            """Logarithms: no entity going on before each token, each step's scale, and in the end."""
            here, scale = np.empty(len(tokens)), np.empty(len(tokens))
            none, some = np.ones(len(lengths)), np.zeros((len(lengths), opening.shape[1]))
            for step in steps:
                n, now = active[step], slice(bounds[step], bounds[step + 1])
                c, o = none[:n], some[:n]
                here[now] = c
                new_c = c * closed[now] + (o * leaving[now]).sum(axis=1)
                new_o = c[:, None] * entering[now] + o * inside[now]
                scale[now] = total = new_c + new_o.sum(axis=1)
                none[:n] = new_c / total
                some[:n] = new_o / total[:, None]
            return _log(here), np.log(scale), _log(none)

        here, scale, final = walk(range(len(active)), opening, closing)
        before[tokens] = here + _sums_before(scale, owner, len(lengths))
        totals[tokens] = (np.bincount(owner, scale, len(lengths)) + final)[owner]

        # From the last token on, what closes an entity is what leads into it.
        here, scale, _ = walk(range(len(active))[::-1], closing, opening)
        passed = _sums_before(scale[::-1], owner[::-1], len(lengths))[::-1]
        after[tokens] = here + passed


def _sums_before(
    values: NDArray[np.float64], owner: NDArray[np.int64], n_owners: int
) -> NDArray[np.float64]:
    """(n,) – for each value the sum of those of the same owner that stand before it."""
    order = np.argsort(owner, kind="stable")
    sums = np.cumsum(values[order]) - values[order]
    starts = np.searchsorted(owner[order], np.arange(n_owners))
    result = np.empty_like(values)
    result[order] = sums - sums[starts][owner[order]]
    return result


def _log(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms; that of zero is _BARRED."""
    return np.log(weights, where=weights > 0, out=np.full_like(weights, _BARRED))
