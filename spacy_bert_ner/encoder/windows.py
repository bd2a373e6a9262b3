"""Cutting documents of any length into windows that the encoder can take.

Everything here is index arithmetic over a flat batch: tokens are numbered through all Docs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Windows:
    """Half-open token ranges, none of which crosses a Doc.

    starts, ends: int64 (windows,) – first token, and one past the last.
    owner: int64 (tokens,) – the window a token's vector is taken from: the one in which it has
        most pieces of context on its poorer side. A Doc's own edges count as unlimited context.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    owner: NDArray[np.int64]


def cut_windows(
    piece_counts: NDArray[np.int32],
    doc_lengths: NDArray[np.int32],
    *,
    budget: int,
    overlap: int,
) -> Windows:
    """Cut each Doc into windows of at most `budget` pieces that share about `overlap` pieces.

    piece_counts: pieces of each token of the batch, none above `budget`.
    doc_lengths: tokens of each Doc. Empty Docs get no window.
    """
    before = np.concatenate(([0], np.cumsum(piece_counts, dtype=np.int64)))
    doc_ends = np.cumsum(doc_lengths, dtype=np.int64)
    doc_starts = doc_ends - doc_lengths
    fits = before[doc_ends] - before[doc_starts] <= budget
    if fits.all():
        filled = np.flatnonzero(doc_lengths)
        owner = np.repeat(np.arange(len(filled)), doc_lengths[filled])
        return Windows(doc_starts[filled], doc_ends[filled], owner)

    starts: list[int] = []
    ends: list[int] = []
    owner = np.zeros(len(piece_counts), dtype=np.int64)
    for doc_start, doc_end, whole in zip(doc_starts.tolist(), doc_ends.tolist(), fits.tolist()):
        if doc_start == doc_end:
            continue
        if whole:
            owner[doc_start:doc_end] = len(starts)
            starts.append(doc_start)
            ends.append(doc_end)
            continue
        depth = np.full(doc_end - doc_start, -1, dtype=np.int64)
        for start, end in _cut_one(before, doc_start, doc_end, budget, overlap):
            here = _depth(before, start, end, doc_start, doc_end)
            deeper = here > depth[start - doc_start : end - doc_start]
            depth[start - doc_start : end - doc_start][deeper] = here[deeper]
            owner[start:end][deeper] = len(starts)
            starts.append(start)
            ends.append(end)
    return Windows(np.array(starts), np.array(ends), owner)


def _cut_one(
    before: NDArray[np.int64], doc_start: int, doc_end: int, budget: int, overlap: int
) -> list[tuple[int, int]]:
    windows = []
    start = doc_start
    while True:
        end = _furthest(before, start, doc_end, budget)
        windows.append((start, end))
        if end == doc_end:
            return windows
        # The last start that leaves `overlap` pieces in common, but always a step forward.
        step = int(np.searchsorted(before, before[end] - overlap, side="right")) - 1
        start = max(step, start + 1)
        while _furthest(before, start, doc_end, budget) <= end:
            start += 1


def _furthest(before: NDArray[np.int64], start: int, doc_end: int, budget: int) -> int:
    """The greatest end for which the pieces of start..end fit the budget."""
    end = int(np.searchsorted(before, before[start] + budget, side="right")) - 1
    return min(end, doc_end)


def _depth(
    before: NDArray[np.int64], start: int, end: int, doc_start: int, doc_end: int
) -> NDArray[np.int64]:
    """Pieces of context on the poorer side of each token of a window."""
    unlimited = np.iinfo(np.int64).max
    left = before[start:end] - before[start] if start > doc_start else unlimited
    right = before[end] - before[start + 1 : end + 1] if end < doc_end else unlimited
    return np.broadcast_to(np.minimum(left, right), end - start)


def bucket_by_length(
    lengths: NDArray[np.int64], *, max_padded: int, max_waste: int
) -> list[NDArray[np.int64]]:
    """Group windows of similar length, longest first, so that little is padding.

    lengths: pieces of each window.
    max_padded: rows times longest row of a bucket stay within this, except that a bucket has at
        least one row.
    max_waste: a row is at most so many pieces shorter than the longest of its bucket.
    Returns the window numbers of each bucket.
    """
    order = np.argsort(-lengths, kind="stable")
    ascending = lengths[order[::-1]]
    buckets = []
    done = 0
    while done < len(order):
        longest = max(1, int(lengths[order[done]]))
        similar = len(order) - int(np.searchsorted(ascending, longest - max_waste))
        end = min(similar, done + max(1, max_padded // longest))
        buckets.append(order[done:end])
        done = end
    return buckets
