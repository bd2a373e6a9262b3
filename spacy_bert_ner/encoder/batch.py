"""From pieces and windows to the padded matrices that the network runs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .case import Case
from .passages import cut_passages
from .pieces import Pieces, ragged_indices
from .tokenizer import PieceTokenizer
from .windows import bucket_by_length, cut_windows


@dataclass
class Bucket:
    """Windows of similar length, padded to the longest.

    ids: int64 (rows, columns) – piece ids with special pieces and padding.
    lengths: int64 (rows,) – columns in use in each row.
    cases: int64 (rows, columns) – `Case` of each piece.
    tokens: int64 (n,) – batch-wide numbers of the tokens whose vector this bucket gives.
    cells: int64 (n,) – row * columns + column of the first piece of each of these tokens.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    cases: NDArray[np.int64]
    tokens: NDArray[np.int64]
    cells: NDArray[np.int64]

    def halves(self) -> list[Bucket]:
        """The upper and the lower rows, of which there must be two or more."""
        middle = len(self.ids) // 2
        first_below = middle * self.ids.shape[1]
        upper = self.cells < first_below
        return [
            Bucket(
                self.ids[:middle], self.lengths[:middle], self.cases[:middle],
                self.tokens[upper], self.cells[upper],
            ),
            Bucket(
                self.ids[middle:], self.lengths[middle:], self.cases[middle:],
                self.tokens[~upper], self.cells[~upper] - first_below,
            ),
        ]  # fmt: skip


def make_buckets(
    pieces: Pieces,
    tokenizer: PieceTokenizer,
    *,
    window_pieces: int,
    overlap: int,
    passage_pieces: int | None = None,
    max_padded: int,
    max_waste: int,
) -> list[Bucket]:
    """Cut a batch into windows and pack them into buckets.

    window_pieces: most pieces of a window, special pieces included.
    overlap: pieces that neighbouring windows of a long Doc share.
    passage_pieces: cut Docs into passages (see `cut_passages`) first; None to leave them whole.
    max_padded: most cells (rows x columns) of a bucket.
    max_waste: most cells of padding in a row.
    Each token with pieces is the business of exactly one bucket.
    """
    specials = len(tokenizer.prefix) + len(tokenizer.suffix)
    lengths = pieces.doc_lengths
    if passage_pieces is not None:
        lengths = cut_passages(pieces.counts, pieces.marks, lengths, size=passage_pieces)
    windows = cut_windows(pieces.counts, lengths, budget=window_pieces - specials, overlap=overlap)
    before = np.concatenate(([0], np.cumsum(pieces.counts, dtype=np.int64)))
    piece_starts = before[windows.starts]
    piece_counts = before[windows.ends] - piece_starts
    cases = np.repeat(pieces.cases, pieces.counts)

    # Tokens in the order of their owners, so that a bucket can take its share by window number.
    represented = np.flatnonzero(pieces.counts)
    by_owner = represented[np.argsort(windows.owner[represented], kind="stable")]
    owned = np.bincount(windows.owner[represented], minlength=len(windows.starts))
    owned_starts = np.cumsum(owned) - owned

    buckets = []
    for members in bucket_by_length(
        piece_counts + specials, max_padded=max_padded, max_waste=max_waste
    ):
        counts = piece_counts[members]
        columns = int(counts.max()) + specials
        shape = (len(members), columns)
        source = ragged_indices(piece_starts[members], counts)
        rows = np.repeat(np.arange(len(members)), counts)
        target = (
            rows * columns
            + len(tokenizer.prefix)
            + source
            - np.repeat(piece_starts[members], counts)
        )
        ids = np.full(shape, tokenizer.pad_id, dtype=np.int64)
        case_ids = np.full(shape, int(Case.SPECIAL), dtype=np.int64)
        ids.reshape(-1)[target] = pieces.ids[source]
        case_ids.reshape(-1)[target] = cases[source]
        ids[:, : len(tokenizer.prefix)] = tokenizer.prefix
        for i, piece in enumerate(tokenizer.suffix):
            ids[np.arange(len(members)), len(tokenizer.prefix) + counts + i] = piece

        tokens = by_owner[ragged_indices(owned_starts[members], owned[members])]
        row = np.repeat(np.arange(len(members)), owned[members])
        column = before[tokens] - piece_starts[members][row] + len(tokenizer.prefix)
        buckets.append(Bucket(ids, counts + specials, case_ids, tokens, row * columns + column))
    return buckets
