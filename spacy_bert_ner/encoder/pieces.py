"""Word pieces made from spaCy's own tokens, each distinct word tokenized once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ORTH, SPACY
from spacy.strings import StringStore
from spacy.tokens import Doc

from .case import case_of
from .passages import mark_of
from .tokenizer import PieceTokenizer

# A key is the token's 64-bit hash, with these bits flipped where a space comes before it.
_SPACE_BEFORE = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Pieces:
    """The word pieces of a batch of Docs, flat, in token order.

    ids: int32 (pieces,) – piece ids.
    counts: int32 (tokens,) – number of pieces of each token; 0 for whitespace.
    cases: uint8 (tokens,) – the `Case` of each token.
    marks: uint8 (tokens,) – the `Mark` of each token.
    doc_lengths: int32 (docs,) – tokens of each Doc.
    """

    ids: NDArray[np.int32]
    counts: NDArray[np.int32]
    cases: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    doc_lengths: NDArray[np.int32]


class PieceCache:
    """Piece ids, case class and mark by token, so that only unseen words meet the tokenizer.

    Whitespace tokens have no pieces. Any other token has at least one (the unknown piece if the
    tokenizer drops it altogether) and at most `max_token_pieces`, so that one giant token cannot
    push its neighbours out of a window.

    max_words: the cache starts afresh when it holds this many words.
    """

    def __init__(
        self, tokenizer: PieceTokenizer, *, max_token_pieces: int, max_words: int = 500_000
    ) -> None:
        self.tokenizer = tokenizer
        self.max_token_pieces = max_token_pieces
        self.max_words = max_words
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[int, int] = {}
        self._ids = np.zeros(1024, dtype=np.int32)
        self._starts = np.zeros(256, dtype=np.int64)
        self._counts = np.zeros(256, dtype=np.int32)
        self._cases = np.zeros(256, dtype=np.uint8)
        self._marks = np.zeros(256, dtype=np.uint8)
        self._n_ids = 0

    def __len__(self) -> int:
        return len(self._rows)

    def pieces(self, docs: Sequence[Doc]) -> Pieces:
        """The pieces of every token of `docs`."""
        doc_lengths = np.fromiter((len(doc) for doc in docs), dtype=np.int32, count=len(docs))
        if not doc_lengths.sum():
            none, no_class = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.uint8)
            return Pieces(none, none, no_class, no_class, doc_lengths)
        keys, orths, spaced = self._keys(docs)
        unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        strings = docs[0].vocab.strings
        rows = self._lookup(unique, orths[first], spaced[first], strings)[inverse]
        counts = self._counts[rows]
        ids = self._ids[ragged_indices(self._starts[rows], counts)]
        return Pieces(ids, counts, self._cases[rows], self._marks[rows], doc_lengths)

    def _keys(
        self, docs: Sequence[Doc]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
        if not self.tokenizer.space_sensitive:
            orths = np.concatenate([doc.to_array(ORTH) for doc in docs])
            return orths, orths, np.zeros(len(orths), dtype=bool)
        columns = np.concatenate([doc.to_array([ORTH, SPACY]) for doc in docs])
        orths = np.ascontiguousarray(columns[:, 0])
        # The first token of a text counts as preceded by a space: that is the commoner piece,
        # and what fine-tuning on pre-split words feeds to such encoders (add_prefix_space).
        spaced = np.ones(len(orths), dtype=bool)
        spaced[1:] = columns[:-1, 1] != 0
        lengths = [len(doc) for doc in docs if len(doc)]
        spaced[np.cumsum([0, *lengths[:-1]])] = True
        return np.where(spaced, orths ^ _SPACE_BEFORE, orths), orths, spaced

    def _lookup(
        self,
        keys: NDArray[np.uint64],
        orths: NDArray[np.uint64],
        spaced: NDArray[np.bool_],
        strings: StringStore,
    ) -> NDArray[np.int64]:
        """Row of each key, adding those not seen before."""
        if len(self._rows) + len(keys) > self.max_words:
            self._clear()
        listed = keys.tolist()
        get = self._rows.get
        rows = np.fromiter((get(key, -1) for key in listed), dtype=np.int64, count=len(listed))
        unseen = np.flatnonzero(rows < 0)
        if len(unseen):
            words = [strings[int(orth)] for orth in orths[unseen]]
            rows[unseen] = self._add([listed[i] for i in unseen], words, spaced[unseen])
        return rows

    def _add(
        self, keys: Sequence[int], words: Sequence[str], spaced: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        encoded = self.tokenizer.encode(
            [" " + word if space else word for word, space in zip(words, spaced)]
        )
        for i, word in enumerate(words):
            if word.isspace():
                encoded[i] = []
            elif not encoded[i]:
                encoded[i] = [self.tokenizer.unk_id]
            else:
                encoded[i] = encoded[i][: self.max_token_pieces]
        rows = np.arange(len(self._rows), len(self._rows) + len(keys), dtype=np.int64)
        self._rows.update(zip(keys, rows.tolist()))
        counts = np.fromiter((len(ids) for ids in encoded), dtype=np.int32, count=len(encoded))
        ends = self._n_ids + np.cumsum(counts)
        self._starts = _grown(self._starts, len(self._rows))
        self._counts = _grown(self._counts, len(self._rows))
        self._cases = _grown(self._cases, len(self._rows))
        self._marks = _grown(self._marks, len(self._rows))
        self._ids = _grown(self._ids, int(ends[-1]))
        self._starts[rows] = ends - counts
        self._counts[rows] = counts
        self._cases[rows] = [case_of(word) for word in words]
        self._marks[rows] = [mark_of(word) for word in words]
        self._ids[self._n_ids : ends[-1]] = [i for ids in encoded for i in ids]
        self._n_ids = int(ends[-1])
        return rows


def ragged_indices(
    starts: NDArray[np.int64], counts: NDArray[np.signedinteger]
) -> NDArray[np.int64]:
    """start, start + 1, ... start + count - 1 for each pair, concatenated."""
    ends = np.cumsum(counts, dtype=np.int64)
    if not len(ends):
        return np.zeros(0, dtype=np.int64)
    return np.repeat(starts - (ends - counts), counts) + np.arange(ends[-1])


def _grown(array: NDArray, size: int) -> NDArray:
    if size <= len(array):
        return array
    grown = np.zeros(max(size, 2 * len(array)), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
