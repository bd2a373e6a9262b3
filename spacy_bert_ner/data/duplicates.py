"""Texts that are nearly the same, found by MinHash with locality-sensitive hashing (Broder, 1997).

Two texts are near duplicates if an estimated 70 % or more of their pairs of neighbouring words are
the same, letter case, punctuation and digits aside. Texts of fewer than five words never are: "Thank
you." is no sign that one text was made from another.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIMILARITY = 0.7
MIN_WORDS = 5
# 32 hashes in 8 bands of 4: of pairs as alike as 0.7 nine in ten share a band, of those alike to
# 0.9 all but one in a thousand; of pairs at 0.3 one in sixteen, which the estimate then sorts out.
_HASHES, _BANDS = 32, 8
# Multiplication modulo 2^64 by odd numbers, of which the upper half is well mixed.
_FACTORS = np.random.default_rng(1997).integers(0, 1 << 63, _HASHES, dtype=np.uint64) * 2 + 1
# Chinese and Japanese have no spaces between words; a character stands for one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|\w+")
_DIGIT = re.compile(r"\d")


def signature(text: str) -> bytes:
    """128 bytes that are alike for texts that are; empty for a text too short to compare."""
    words = _WORD.findall(_DIGIT.sub("0", text.lower()))
    if len(words) < MIN_WORDS:
        return b""
    shingles = {f"{a} {b}" for a, b in pairwise(words)}
    hashes = np.fromiter(
        (zlib.crc32(shingle.encode("utf-8", "replace")) for shingle in shingles),
        dtype=np.uint64,
        count=len(shingles),
    )
    mixed = hashes[:, None] * _FACTORS >> np.uint64(32)
    return mixed.min(axis=0).astype(np.uint32).tobytes()


def near_duplicates(texts: Iterable[str]) -> list[list[int]]:
    """Clusters of near duplicates: the texts' indices, each cluster of at least two."""
    signatures = [signature(text) for text in texts]
    links = Clusters(len(signatures))
    link_duplicates(signatures, links)
    return [members for members in links.members() if len(members) > 1]


def link_duplicates(signatures: Sequence[bytes], links: Clusters) -> None:
    """Join whatever has nearly the same signature."""
    compared = np.array([i for i, s in enumerate(signatures) if s], dtype=np.int64)
    if len(compared) < 2:
        return
    table = np.frombuffer(b"".join(signatures[i] for i in compared), dtype=np.uint32)
    table = table.reshape(-1, _HASHES)
    width = _HASHES // _BANDS
    for band in range(_BANDS):
        # Rows with the same band stand together, and among them those that are most alike.
        columns = np.roll(table, -band * width, axis=1)
        order = np.lexsort(columns[:, ::-1].T)
        ordered = columns[order]
        same = (ordered[1:, :width] == ordered[:-1, :width]).all(axis=1)
        runs = np.flatnonzero(~np.concatenate(([False], same)))
        first = runs[np.searchsorted(runs, np.arange(len(order)), side="right") - 1]
        for other in (np.arange(len(order)) - 1, first):
            pairs = np.flatnonzero(np.concatenate(([False], same)))
            alike = _similarity(ordered[pairs], ordered[other[pairs]]) >= SIMILARITY
            for a, b in zip(order[pairs[alike]], order[other[pairs[alike]]]):
                links.join(int(compared[a]), int(compared[b]))


def _similarity(rows: NDArray[np.uint32], others: NDArray[np.uint32]) -> NDArray[np.float64]:
    return (rows == others).mean(axis=1) if len(rows) else np.zeros(0)


class Clusters:
    """Disjoint sets of the numbers 0 to n - 1 (union-find)."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def find(self, i: int) -> int:
        """The number that stands for the set of i: its smallest."""
        parent = self._parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        i, j = self.find(i), self.find(j)
        self._parent[max(i, j)] = min(i, j)

    def members(self) -> list[list[int]]:
        """The sets, by their smallest number."""
        sets: dict[int, list[int]] = {}
        for i in range(len(self._parent)):
            sets.setdefault(self.find(i), []).append(i)
        return list(sets.values())
