"""Where a document may be cut so that each part reads by itself: after what looks like a sentence."""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray


class Mark(enum.IntEnum):
    """What a token says of sentences."""

    NONE = 0
    ENDS = 1  # a sentence
    CLOSES = 2  # a quotation or bracket, or is a space: belongs to the sentence before
    BREAKS = 3  # a paragraph, the sentence before with it


_ENDS = ".!?…。！？"
_CLOSES = frozenset("\"'”’»)]}")


def mark_of(text: str) -> Mark:
    """The mark of one token; runs such as "?!" and "..." end a sentence as well."""
    if text.isspace():
        return Mark.BREAKS if text.count("\n") > 1 else Mark.CLOSES
    if not text.strip(_ENDS):
        return Mark.ENDS
    return Mark.CLOSES if text in _CLOSES else Mark.NONE


def cut_passages(
    piece_counts: NDArray[np.int32],
    marks: NDArray[np.uint8],
    doc_lengths: NDArray[np.int32],
    *,
    size: int,
) -> NDArray[np.int32]:
    """Tokens of each passage: as many sentences of a Doc as fit `size` pieces, at least one.

    piece_counts, marks: (tokens,) – pieces and `Mark` of each token. doc_lengths: tokens of each Doc.
    A passage of several sentences has at most `size` pieces; a longer sentence is one by itself.
    """
    doc_ends = np.cumsum(doc_lengths, dtype=np.int64)
    before = np.concatenate(([0], np.cumsum(piece_counts, dtype=np.int64)))
    begins = _sentence_starts(marks)
    filled = np.concatenate(([0], doc_ends[doc_lengths > 0])) if len(doc_ends) else doc_ends
    # Where everything fits, which is what short texts do, there is nothing to walk through.
    sizes = np.diff(before[filled])
    passages: list[int] = []
    for start, end, whole in zip(
        filled[:-1].tolist(), filled[1:].tolist(), (sizes <= size).tolist()
    ):
        if whole:
            passages.append(end - start)
            continue
        inside = begins[np.searchsorted(begins, start, "right") : np.searchsorted(begins, end)]
        previous, begin = start, start
        for stop in [*inside.tolist(), end]:
            if previous > begin and before[stop] - before[begin] > size:
                passages.append(previous - begin)
                begin = previous
            previous = stop
        passages.append(end - begin)
    return np.array(passages, dtype=np.int32)


def _sentence_starts(marks: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers of the tokens that a sentence begins with, behind another, in ascending order."""
    ended = marks == Mark.ENDS
    closes = marks == Mark.CLOSES
    for _ in range(2):  # as in: he said "(no.)"
        ended[1:] |= ended[:-1] & closes[1:]
    breaks = marks == Mark.BREAKS
    begins = (ended[:-1] & (marks[1:] == Mark.NONE)) | (breaks[:-1] & ~breaks[1:])
    return np.flatnonzero(begins) + 1
