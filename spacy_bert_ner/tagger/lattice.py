"""Probabilities of entity spans: forward–backward over the valid tag sequences (Rabiner, 1989)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .decode import apply_roles, batches
from .scheme import TagScheme

# Stands for minus infinity where differences are taken; its exponential is zero.
_BARRED = -1e4


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
    lasts = np.repeat(np.cumsum(lengths) - 1, lengths)
    tags = torch.log_softmax(apply_roles(scores.float(), roles, scheme), dim=1)
    before = torch.empty(len(tags), device=tags.device)
    after = torch.empty_like(before)
    totals = torch.empty_like(before)
    firsts = np.cumsum(lengths) - lengths
    for docs in batches(np.flatnonzero(lengths), lengths):
        rows = torch.from_numpy(_padded_rows(firsts[docs], lengths[docs])).to(tags.device)
        active = (np.arange(int(lengths[docs[0]]))[:, None] < lengths[docs]).sum(axis=1)
        _run(tags, rows, active.tolist(), scheme, before, after, totals)
    return Lattice(
        tags=np.maximum(_to_numpy(tags), _BARRED),
        before=_to_numpy(before),
        after=_to_numpy(after),
        totals=_to_numpy(totals),
        lasts=lasts,
        scheme=scheme,
    )


def _to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.double().cpu().numpy()


def _padded_rows(firsts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(steps, docs) – token numbers; a Doc that has ended repeats its last."""
    steps = np.arange(int(lengths.max()))[:, None]
    return firsts + np.minimum(steps, lengths - 1)


def _run(
    tags: Tensor,
    rows: Tensor,
    active: list[int],
    scheme: TagScheme,
    before: Tensor,
    after: Tensor,
    totals: Tensor,
) -> None:
    """Fill `before`, `after` and `totals` for Docs given longest first.

    rows: (steps, docs) token numbers. active: Docs that are as long as that, for each step.

    Between two tokens only L + 1 things matter, for L labels: the weight of what leaves no entity
    open, and of what leaves one of each label open. That keeps a step's work linear in the tags.
    """
    device = tags.device
    n_steps, n_docs = rows.shape
    n_labels = len(scheme.labels)
    entry = torch.from_numpy(np.where(scheme.continues, scheme.label_ids + 1, 0)).to(device)
    ends = torch.from_numpy(np.flatnonzero(scheme.ends)).to(device)
    starters = torch.from_numpy(np.flatnonzero(~scheme.continues)).to(device)
    opening = torch.from_numpy(scheme.tags_by_label(scheme.opens)).to(device)
    continuing = torch.from_numpy(scheme.tags_by_label(scheme.continues)).to(device)
    exits = torch.from_numpy(np.where(scheme.ends, 0.0, -np.inf)).to(device, torch.float32)
    stays = torch.from_numpy(np.where(scheme.opens, 0.0, -np.inf)).to(device, torch.float32)
    owner = torch.from_numpy(np.maximum(scheme.label_ids, 0)).to(device)

    message = torch.full((n_docs, n_labels + 1), -torch.inf, device=device)
    message[:, 0] = 0.0
    for step in range(n_steps):
        n = active[step]
        before[rows[step, :n]] = message[:n, 0]
        weights = tags[rows[step, :n]] + message[:n, entry]
        message[:n, 0] = torch.logsumexp(weights[:, ends], dim=1)
        message[:n, 1:] = torch.logsumexp(weights[:, opening], dim=2)
    totals[rows] = message[:, 0].expand_as(rows)

    message = torch.full((n_docs, n_labels + 1), -torch.inf, device=device)
    message[:, 0] = 0.0
    for step in range(n_steps - 1, -1, -1):
        n = active[step]
        after[rows[step, :n]] = message[:n, 0]
        closed, still_open = message[:n, :1], message[:n, 1:]
        weights = tags[rows[step, :n]] + torch.logaddexp(
            closed + exits, still_open[:, owner] + stays
        )
        message[:n, 0] = torch.logsumexp(weights[:, starters], dim=1)
        message[:n, 1:] = torch.logsumexp(weights[:, continuing], dim=2)
