"""Dividing documents: by document, alike in labels, and without duplicates on two sides."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .duplicates import Clusters, link_duplicates, signature
from .records import DataError, Record

_DIGEST = 8
_GENRE = "genre="
# The number of documents counts as much as so many labels: with one, folds of few documents came out
# unequal by up to three.
_DOCUMENTS = 3


class DocumentKey(NamedTuple):
    """What dividing needs to know of a document, less than 300 bytes.

    digest: of its text. signature: see `duplicates`. together: digests, one behind the other, of
        the names of what it belongs to; documents that share one stay together. strata: how often
        it has each label, and its genre.
    """

    digest: bytes
    signature: bytes
    together: bytes
    strata: tuple[tuple[str, int], ...]


def key_of(record: Record, group: str = "") -> DocumentKey:
    """The key of a Record.

    group: key of `Record.meta`; documents with the same value there stay together, as do sentences
        of one document (`meta["document"]`) in any case.
    Raises DataError for a Record without a group.
    """
    together = b""
    if "document" in record.meta:
        together += _digest(f"document={record.place.path}={record.meta['document']}")
    if group:
        if group not in record.meta:
            raise DataError(
                record.place,
                f"document {record.meta.get('id')!r} has no {group!r} to group by",
                f"It has: {', '.join(record.meta)}",
            )
        together += _digest(f"group={record.meta[group]}")
    strata = Counter(sys.intern(span.label) for span in record.spans)
    if "genre" in record.meta:
        strata[sys.intern(_GENRE + record.meta["genre"])] = 1
    return DocumentKey(
        _digest(record.text),
        signature(record.text),
        _shared(together),
        _shared(tuple(sorted(strata.items()))),
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:_DIGEST]


@lru_cache(maxsize=10_000)
def _shared(value: Any) -> Any:
    """One object for equal values, as neighbours often have, to save memory."""
    return value


def assign(keys: Sequence[DocumentKey], shares: Mapping[str, float], seed: int = 0) -> list[str]:
    """The split of each document.

    shares: of each split, adding up to 1; every label's mentions, every genre's documents and all
        documents are divided in these proportions as closely as can be. Clusters of documents that
        stay together are placed as in the iterative stratification of Sechidis, Tsoumakas and
        Vlahavas (2011), rarest label first, but each where all that it has fits best, and first
        where its rarest label is not yet. A cluster larger than the share of each split goes to
        train, if there is a split of this name, or else to one of the largest.
    The result depends on the documents and the seed, not on their order.
    Raises DataError if there are not enough documents to give each split one.
    """
    names = [name for name, share in shares.items() if share > 0]
    of_document = _clusters(keys)
    count = int(of_document.max(initial=-1)) + 1
    if count < len(names):
        raise DataError(
            "split",
            f"{len(keys)} documents, of which duplicates and groups leave {count} to divide, "
            f"cannot fill {', '.join(names)}",
            "Give more documents or fewer splits",
        )
    of_cluster = _stratify(
        _Strata(keys, of_document),
        _ranks(keys, of_document, seed),
        [shares[name] for name in names],
        [i for i, name in enumerate(names) if name in _main(shares)],
    )
    return [names[of_cluster[cluster]] for cluster in of_document]


def folds(keys: Sequence[DocumentKey], k: int, seed: int = 0) -> list[int]:
    """The fold, 0 to k - 1, in which each document is held out. See `assign`."""
    return [int(name) for name in assign(keys, {str(i): 1 / k for i in range(k)}, seed)]


def _main(shares: Mapping[str, float]) -> list[str]:
    """The splits that take what fits nowhere, and of each label the first."""
    if shares.get("train", 0) > 0:
        return ["train"]
    return [name for name, share in shares.items() if share == max(shares.values())]


def _clusters(keys: Sequence[DocumentKey]) -> NDArray[np.int64]:
    """The cluster, from 0, of each document."""
    links = Clusters(len(keys))
    first: dict[bytes, int] = {}
    for i, key in enumerate(keys):
        for start in range(0, len(key.together), _DIGEST):
            links.join(first.setdefault(key.together[start : start + _DIGEST], i), i)
    link_duplicates([key.signature for key in keys], links)
    roots = np.fromiter((links.find(i) for i in range(len(keys))), np.int64, len(keys))
    return np.unique(roots, return_inverse=True)[1]


def _ranks(
    keys: Sequence[DocumentKey], of_document: NDArray[np.int64], seed: int
) -> NDArray[np.uint64]:
    """A random number for each cluster, told by the seed and all its documents, whatever their order.

    One document would not do: many clusters may have the same "Thank you." in them.
    """
    hashes = b"".join(
        hashlib.sha256(f"{seed}\n{key.strata}\n".encode("utf-8", "replace") + key.digest).digest()[
            :_DIGEST
        ]
        for key in keys
    )
    ranks = np.zeros(of_document.max() + 1, dtype=np.uint64)
    np.add.at(ranks, of_document, np.frombuffer(hashes, dtype=np.uint64))
    return ranks


class _Strata:
    """How often each cluster has each stratum, as a sparse matrix.

    The strata are labels and genres, by name, and at last the one that every document is in.
    clusters, strata, counts: of each entry, in order of clusters and, in these, of strata.
    starts: index of each cluster's first entry, and the number of all.
    totals: of each stratum. weights: what a deviation counts in it.
    rarest_first: the strata to be divided, in their order.
    """

    def __init__(self, keys: Sequence[DocumentKey], of_document: NDArray[np.int64]) -> None:
        names = sorted({name for key in keys for name, _ in key.strata})
        number = {name: i for i, name in enumerate(names)}
        width = len(names) + 1
        entries = sum(len(key.strata) for key in keys)
        of_entry = np.repeat(of_document, [len(key.strata) for key in keys])
        strata = np.fromiter((number[s] for key in keys for s, _ in key.strata), np.int64, entries)
        counts = np.fromiter((n for key in keys for _, n in key.strata), np.int64, entries)
        cells, place = np.unique(
            np.concatenate((of_entry * width + strata, of_document * width + width - 1)),
            return_inverse=True,
        )
        self.counts = np.zeros(len(cells), dtype=np.int64)
        np.add.at(self.counts, place, np.concatenate((counts, np.ones_like(of_document))))
        self.clusters, self.strata = np.divmod(cells, width)
        self.starts = np.searchsorted(self.clusters, np.arange(of_document.max() + 2))
        self.totals = np.bincount(self.strata, self.counts, width)
        # What is all in one cluster cannot be divided, and must not draw that to the largest split.
        divisible = np.bincount(self.strata) > 1
        self.weights = np.where(divisible, 1 / self.totals, 0)
        self.weights[-1] *= _DOCUMENTS
        self.rarest_first = [
            s
            for s in sorted(range(width - 1), key=lambda s: (self.totals[s], s))
            if divisible[s] or not names[s].startswith(_GENRE)
        ]
        self.rarest_first.append(width - 1)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Documents of each cluster."""
        return self.counts[self.starts[1:] - 1]


def _stratify(
    table: _Strata, ranks: NDArray[np.uint64], shares: Sequence[float], main: Sequence[int]
) -> NDArray[np.int64]:
    """The split of each cluster, as an index into `shares`; `main` are those of `_main`."""
    splits = range(len(shares))
    every = len(table.totals) - 1
    sizes = table.sizes
    got = [[0] * len(table.totals) for _ in splits]
    weights = table.weights.tolist()
    # Even a split with a share of less than a document can take one.
    rooms = [max(share * table.totals[every], 1) for share in shares]
    where = np.full(len(sizes), -1, dtype=np.int64)
    room = max((rooms[i] for i in splits if i not in main), default=0)
    for stratum, clusters in _in_turn(table, ranks, room):
        for cluster in clusters[where[clusters] < 0].tolist():
            size = sizes[cluster]
            begin, end = table.starts[cluster], table.starts[cluster + 1]
            row = list(zip(table.strata[begin:end].tolist(), table.counts[begin:end].tolist()))
            fitting = [i for i in splits if size <= rooms[i]] or main
            # A label should be in every split, and above all in train, to be learned.
            lacking = [
                i for i in fitting if not got[i][stratum] and got[i][every] + size <= rooms[i]
            ]
            lacking = [i for i in lacking if i in main] or lacking
            # By how much the split's chi-square grows, but for what is the same in all of them.
            best = min(
                lacking or fitting,
                key=lambda i: sum(n * (2 * got[i][s] + n) * weights[s] for s, n in row) / shares[i],
            )
            where[cluster] = best
            for s, n in row:
                got[best][s] += n
    _fill_empty(where, sizes, ranks, len(shares))
    return where


def _in_turn(
    table: _Strata, ranks: NDArray[np.uint64], room: float
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Strata with their clusters, in the order in which they are placed.

    What has room in the main splits only comes first, before smaller ones fill them. Then it is the
    rarest stratum, as it has the fewest ways to come out right.
    """
    every = len(table.totals) - 1
    large = np.flatnonzero(table.sizes > room) if room else np.zeros(0, dtype=np.int64)
    yield every, large[np.lexsort((ranks[large], -table.sizes[large]))]
    by_stratum = np.argsort(table.strata, kind="stable")
    bounds = np.searchsorted(table.strata[by_stratum], np.arange(every + 2))
    for stratum in table.rarest_first:
        entries = by_stratum[bounds[stratum] : bounds[stratum + 1]]
        clusters = table.clusters[entries]
        yield stratum, clusters[np.lexsort((ranks[clusters], -table.counts[entries]))]


def _fill_empty(
    where: NDArray[np.int64], sizes: NDArray[np.int64], ranks: NDArray[np.uint64], splits: int
) -> None:
    """Give a split that got nothing the smallest cluster of the split with most clusters."""
    for split in range(splits):
        held = np.bincount(where, minlength=splits)
        if not held[split]:
            movable = np.flatnonzero(where == held.argmax())
            where[movable[np.lexsort((ranks[movable], sizes[movable]))[0]]] = split
