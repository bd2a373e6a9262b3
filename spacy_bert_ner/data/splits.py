"""Dividing documents into train, dev and test."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from .records import Record

SPLITS = ("train", "dev", "test")


def split_documents(
    records: Sequence[Record], *, dev: float = 0.15, test: float = 0.15, seed: int = 0
) -> dict[str, list[Record]]:
    """Split by document, each genre (`meta["genre"]`) in the same proportions.

    dev, test: shares of each genre's documents, rounded to whole documents.
    Which document goes where depends on its text and the seed alone: the order of files does not
    matter, and within a genre documents keep their order.
    """
    genres: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        genres[record.meta.get("genre", "")].append(record)
    splits: dict[str, list[Record]] = {name: [] for name in SPLITS}
    for members in genres.values():
        ranked = sorted(range(len(members)), key=lambda i: _rank(members[i], seed))
        n_test, n_dev = round(test * len(members)), round(dev * len(members))
        where = dict.fromkeys(ranked, "train")
        where.update(dict.fromkeys(ranked[:n_test], "test"))
        where.update(dict.fromkeys(ranked[n_test : n_test + n_dev], "dev"))
        for i, record in enumerate(members):
            splits[where[i]].append(record)
    return splits


def _rank(record: Record, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{record.text}".encode()).hexdigest()
