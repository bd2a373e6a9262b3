"""Dividing documents: by document, alike in labels, and without duplicates on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .duplicates import Clusters, link_duplicates, signature
from .records import DataError, Record


class DocumentKey(NamedTuple):
    """What dividing needs to know of a document, some hundred bytes.

    digest: of its text. signature: see `duplicates`. together: names of what it belongs to; documents
        that share one stay together. strata: how often it has each label, and its genre.
    """

    digest: bytes
    signature: bytes
    together: tuple[str, ...]
    strata: tuple[tuple[str, int], ...]


def key_of(record: Record, group: str = "") -> DocumentKey:
    """The key of a Record.

    group: key of `Record.meta`; documents with the same value there stay together, as do sentences
        of one document (`meta["document"]`) in any case.
    Raises DataError for a Record without a group.
    """
    together = []
    if "document" in record.meta:
        together.append(f"document={record.place.path}={record.meta['document']}")
    if group:
        if group not in record.meta:
            raise DataError(
                record.place,
                f"document {record.meta.get('id')!r} has no {group!r} to group by",
                f"It has: {', '.join(record.meta)}",
            )
        together.append(f"group={record.meta[group]}")
    strata = Counter(span.label for span in record.spans)
    if "genre" in record.meta:
        strata[f"genre={record.meta['genre']}"] = 1
    return DocumentKey(
        hashlib.sha256(record.text.encode("utf-8", "replace")).digest()[:8],
        signature(record.text),
        tuple(together),
        tuple(strata.items()),
    )


def assign(keys: Sequence[DocumentKey], shares: Mapping[str, float], seed: int = 0) -> list[str]:
    """The split of each document.

    shares: of each split, adding up to 1; every label's mentions, every genre's documents and all
        documents are divided in these proportions as closely as can be, by the iterative
        stratification of Sechidis, Tsoumakas and Vlahavas (2011) over clusters of documents that
        stay together.
    The result depends on the documents and the seed, not on their order.
    Raises DataError if there are not enough documents to give each split one.
    """
    names = [name for name, share in shares.items() if share > 0]
    clusters = _clusters(keys)
    if len(clusters) < len(names):
        raise DataError(
            "split",
            f"{len(keys)} documents, of which duplicates and groups leave {len(clusters)} to divide, "
            f"cannot fill {', '.join(names)}",
            "Give more documents or fewer splits",
        )
    ranks = [_rank(cluster, keys, seed) for cluster in clusters]
    strata = [_strata(cluster, keys) for cluster in clusters]
    holders: dict[str, list[int]] = defaultdict(list)
    totals: Counter[str] = Counter()
    for number, counts in enumerate(strata):
        totals.update(counts)
        for stratum in counts:
            holders[stratum].append(number)
    wanted = {name: {s: shares[name] * n for s, n in totals.items()} for name in names}
    where: dict[int, str] = {}

    def place(number: int, stratum: str) -> None:
        best = max(
            names, key=lambda name: (wanted[name][stratum], wanted[name][_ALL], -names.index(name))
        )
        where[number] = best
        for each, count in strata[number].items():
            wanted[best][each] -= count

    # The rarest first: it has the fewest ways to come out right.
    for stratum in sorted(totals, key=lambda s: (s == _ALL, totals[s], s)):
        waiting = [number for number in holders[stratum] if number not in where]
        waiting.sort(key=lambda number: (-strata[number][stratum], ranks[number]))
        for number in waiting:
            place(number, stratum)
    _fill_empty(names, where, clusters, ranks)
    splits = [""] * len(keys)
    for number, cluster in enumerate(clusters):
        for i in cluster:
            splits[i] = where[number]
    return splits


def folds(keys: Sequence[DocumentKey], k: int, seed: int = 0) -> list[int]:
    """The fold, 0 to k - 1, in which each document is held out. See `assign`."""
    return [int(name) for name in assign(keys, {str(i): 1 / k for i in range(k)}, seed)]


# The stratum that every document is in.
_ALL = ""


def _clusters(keys: Sequence[DocumentKey]) -> list[list[int]]:
    links = Clusters(len(keys))
    first: dict[str, int] = {}
    for i, key in enumerate(keys):
        for name in key.together:
            links.join(first.setdefault(name, i), i)
    link_duplicates([key.signature for key in keys], links)
    return links.members()


def _rank(cluster: Sequence[int], keys: Sequence[DocumentKey], seed: int) -> bytes:
    digest = min(keys[i].digest for i in cluster)
    return hashlib.sha256(f"{seed}\n".encode() + digest).digest()


def _strata(cluster: Sequence[int], keys: Sequence[DocumentKey]) -> Counter[str]:
    counts: Counter[str] = Counter({_ALL: len(cluster)})
    for i in cluster:
        for stratum, count in keys[i].strata:
            counts[stratum] += count
    return counts


def _fill_empty(
    names: Sequence[str],
    where: dict[int, str],
    clusters: Sequence[Sequence[int]],
    ranks: Sequence[bytes],
) -> None:
    """Give a split that got nothing the smallest cluster of the split with most clusters."""
    for name in names:
        held = Counter(where.values())
        if held[name]:
            continue
        fullest = max(names, key=lambda other: held[other])
        movable = [number for number, other in where.items() if other == fullest]
        where[min(movable, key=lambda number: (len(clusters[number]), ranks[number]))] = name
