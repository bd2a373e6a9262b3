"""Texts that are nearly the same, found by MinHash with locality-sensitive hashing (Broder, 1997).

Two texts are near duplicates if an estimated 70 % or more of their pairs of neighbouring words are
the same, letter case, punctuation and digits aside. Texts of fewer than five words never are: "Thank
you." is no sign that one text was made from another, and would link all documents it stands in.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from array import array
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

SIMILARITY = 0.7
MIN_WORDS = 5
# 32 hashes in 8 bands of 4: of pairs as alike as 0.7 nine in ten share a band, of those alike to
# 0.9 all but one in a thousand; of pairs at 0.3 one in sixteen, which the estimate then sorts out.
_HASHES, _BANDS = 32, 8
# Of texts with a band in common, each is compared with so many before it.
_WINDOW = 32
# Word pairs hashed at a time, so that a book needs no more memory than a page.
_CHUNK = 4096
# Multiplication modulo 2^64 by odd numbers, of which the upper half is well mixed.
_FACTORS = np.random.default_rng(1997).integers(0, 1 << 63, _HASHES, dtype=np.uint64) * 2 + 1
# Thai, Lao, Burmese, Khmer, Japanese and Chinese have no spaces between words; a letter stands for
# one.
_SPACELESS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"
)


class _Normal(dict[int, str]):
    """For `str.translate`: leaves words of letters with their marks, and zeros for digits."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Nd":
            normal = "0"
        elif category == "Cf":
            normal = ""
        elif category[0] not in "LMN":
            normal = " "
        elif _SPACELESS.match(char):
            normal = f" {char} " if category[0] == "L" else ""
        else:
            normal = char
        self[code] = normal
        return normal


_NORMAL = _Normal()


def signature(text: str) -> bytes:
    """64 bytes that are alike for texts that are; empty for a text too short to compare."""
    words = text.lower().translate(_NORMAL).split()
    if len(words) < MIN_WORDS:
        return b""
    shingles = {f"{a} {b}" for a, b in pairwise(words)}
    hashes = np.fromiter(
        (zlib.crc32(shingle.encode("utf-8", "replace")) for shingle in shingles),
        dtype=np.uint64,
        count=len(shingles),
    )
    lowest = _lowest(hashes[:_CHUNK])
    for start in range(_CHUNK, len(hashes), _CHUNK):
        lowest = np.minimum(lowest, _lowest(hashes[start : start + _CHUNK]))
    # The lower 16 bits of the least of 32: by chance, two are equal once in 65,536 times.
    return lowest.astype(np.uint16).tobytes()


def _lowest(hashes: np.ndarray) -> np.ndarray:
    return (hashes[:, None] * _FACTORS >> np.uint64(32)).min(axis=0)


def near_duplicates(signatures: Sequence[bytes]) -> list[list[int]]:
    """Clusters of near duplicates: indices of their texts' signatures, each of at least two."""
    links = Clusters(len(signatures))
    link_duplicates(signatures, links)
    return [members for members in links.members() if len(members) > 1]


def link_duplicates(signatures: Sequence[bytes], links: Clusters) -> None:
    """Join whatever has nearly the same signature. The order of the signatures does not matter."""
    first: dict[bytes, int] = {}
    for i, each in enumerate(signatures):
        if each:
            links.join(first.setdefault(each, i), i)
    distinct = sorted(first)
    index = [first[each] for each in distinct]
    bands = np.frombuffer(b"".join(distinct), dtype=np.uint64).reshape(-1, _BANDS)
    hashes = bands.view(np.uint16)
    for band in range(_BANDS):
        # Rows with the same band stand together, and among them those that have another as well.
        order = np.lexsort((bands[:, (band + 1) % _BANDS], bands[:, band]))
        ordered = bands[order, band]
        for back in range(1, min(_WINDOW, len(order) - 1) + 1):
            same = np.flatnonzero(ordered[back:] == ordered[:-back])
            if not len(same):
                break
            one, other = order[same + back], order[same]
            alike = (hashes[one] == hashes[other]).mean(axis=1) >= SIMILARITY
            for a, b in zip(one[alike].tolist(), other[alike].tolist()):
                links.join(index[a], index[b])


class Clusters:
    """Disjoint sets of the numbers 0 to n - 1 (union-find)."""

    def __init__(self, n: int) -> None:
        self._parent = array("q", range(n))

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
