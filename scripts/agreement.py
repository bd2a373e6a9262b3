"""Agreement of the starter corpus' two independent annotation passes, by label.

usage: agreement.py [FIRST.jsonl SECOND.jsonl]

Each file has a line for each document: {"id": ..., "spans": [[start, end, label], ...]}. The figure
is the F1 of one pass against the other; it is the same in both directions. Exact matches only.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import srsly
from wasabi import msg

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "agreement"


def read(path: Path) -> set[tuple[str, int, int, str]]:
    return {(doc["id"], *span) for doc in srsly.read_jsonl(path) for span in doc["spans"]}


def main(first: Path, second: Path) -> None:
    passes = [read(first), read(second)]
    both = Counter(span[3] for span in passes[0] & passes[1])
    counts = [Counter(span[3] for span in spans) for spans in passes]
    rows = [
        (label, counts[0][label], counts[1][label], both[label],
         f"{2 * both[label] / (counts[0][label] + counts[1][label]):.3f}")
        for label in sorted(counts[0] | counts[1])
    ]  # fmt: skip
    totals = [len(spans) for spans in passes]
    overall = f"{2 * sum(both.values()) / sum(totals):.3f}"
    msg.table(
        [*rows, ("all", *totals, sum(both.values()), overall)],
        header=("label", "first pass", "second pass", "agreed", "F1"),
        aligns=("l", "r", "r", "r", "r"),
        divider=True,
    )


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    main(*(paths or [FOLDER / "first.jsonl", FOLDER / "second.jsonl"]))
