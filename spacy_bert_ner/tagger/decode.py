"""The best valid tag sequence under independent tag scores (Viterbi, 1967)."""

from __future__ import annotations

import enum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .scheme import TagScheme


class TokenRole(enum.IntEnum):
    """What a token may be, apart from its scores."""

    FREE = 0
    # Inside an entity or outside, at no cost, but neither its first token nor its last.
    WHITESPACE = 1
    # Outside, for sure: part of an entity that was there before, or barred from any.
    OUTSIDE = 2


def decode(
    scores: Tensor, lengths: NDArray[np.int64], roles: NDArray[np.int64], scheme: TagScheme
) -> NDArray[np.int64]:
    """The valid tag sequence of highest total score for each Doc.

    scores: (tokens, tags) of all Docs end to end. lengths: (docs,). roles: (tokens,) `TokenRole`s.
    Returns (tokens,) tag numbers.
    """
    if not len(scores):
        return np.zeros(0, dtype=np.int64)
    scores = apply_roles(scores.float(), roles, scheme)
    tags = scores.argmax(dim=1).cpu().numpy()
    # Where the best tags one by one happen to form a valid sequence, no valid sequence can score
    # higher. That leaves few Docs for the search proper.
    invalid = ~_is_valid(tags, lengths, scheme)
    if invalid.any():
        ends = np.cumsum(lengths)
        for docs in batches(np.flatnonzero(invalid), lengths):
            rows = [scores[ends[d] - lengths[d] : ends[d]] for d in docs]
            for d, path in zip(docs, _viterbi(rows, scheme)):
                tags[ends[d] - lengths[d] : ends[d]] = path
    return tags


def apply_roles(scores: Tensor, roles: NDArray[np.int64], scheme: TagScheme) -> Tensor:
    """Scores in which what a token's role rules out is minus infinity."""
    if not roles.any():
        return scores
    middle = scheme.prefixes == "I"
    outside = scheme.prefixes == "O"
    table = np.zeros((len(TokenRole), len(scheme)), dtype=np.float32)
    table[TokenRole.WHITESPACE] = np.where(middle | outside, 0.0, -np.inf)
    table[TokenRole.OUTSIDE] = np.where(outside, 0.0, -np.inf)
    special = torch.from_numpy(np.flatnonzero(roles)).to(scores.device)
    allowed = torch.from_numpy(table[roles[roles != TokenRole.FREE]]).to(scores.device)
    return scores.index_copy(0, special, allowed)


def _is_valid(
    tags: NDArray[np.int64], lengths: NDArray[np.int64], scheme: TagScheme
) -> NDArray[np.bool_]:
    """(docs,) – whether each Doc's tags form a valid sequence."""
    filled = np.flatnonzero(lengths)
    lasts = np.cumsum(lengths[filled]) - 1
    firsts = lasts - lengths[filled] + 1
    fine = np.ones(len(tags), dtype=bool)
    fine[1:] = scheme.follows[tags[:-1], tags[1:]]
    fine[firsts] = scheme.starts[tags[firsts]]
    fine[lasts] &= scheme.ends[tags[lasts]]
    valid = np.ones(len(lengths), dtype=bool)
    valid[filled] = np.logical_and.reduceat(fine, firsts) if len(filled) else True
    return valid


def batches(
    docs: NDArray[np.int64], lengths: NDArray[np.int64], max_cells: int = 65_536
) -> list[NDArray[np.int64]]:
    """Docs of similar length together, so that padding and memory stay small."""
    docs = docs[np.argsort(-lengths[docs], kind="stable")]
    batches = []
    while len(docs):
        rows = max(1, max_cells // int(lengths[docs[0]]))
        batches.append(docs[:rows])
        docs = docs[rows:]
    return batches


def _viterbi(rows: list[Tensor], scheme: TagScheme) -> list[NDArray[np.int64]]:
    """Best paths of sequences given longest first, each (tokens, tags)."""
    device = rows[0].device
    lengths = torch.tensor([len(row) for row in rows], device=device)
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    n_rows, n_steps, n_tags = padded.shape
    barred = torch.tensor(-np.inf, device=device)
    follows = torch.from_numpy(np.where(scheme.follows, 0.0, -np.inf)).to(device, torch.float32)
    starts = torch.from_numpy(scheme.starts).to(device)
    ends = torch.from_numpy(scheme.ends).to(device)

    best = torch.where(starts, padded[:, 0], barred)
    previous = torch.zeros(n_steps, n_rows, n_tags, dtype=torch.int64, device=device)
    unchanged = torch.arange(n_tags, device=device).expand(n_rows, n_tags)
    for step in range(1, n_steps):
        reached, origin = (best[:, :, None] + follows).max(dim=1)
        running = (step < lengths)[:, None]
        best = torch.where(running, reached + padded[:, step], best)
        previous[step] = torch.where(running, origin, unchanged)
    tag = torch.where(ends, best, barred).argmax(dim=1)
    path = torch.zeros(n_steps, n_rows, dtype=torch.int64, device=device)
    for step in range(n_steps - 1, -1, -1):
        path[step] = tag
        tag = previous[step].gather(1, tag[:, None])[:, 0]
    found = path.T.cpu().numpy()
    return [found[i, : len(row)] for i, row in enumerate(rows)]
