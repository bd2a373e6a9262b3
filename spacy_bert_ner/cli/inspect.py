"""`spacy bert-ner inspect`: a corpus at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import spacy
import srsly
import typer
from spacy.tokens import DocBin
from wasabi import msg

from ..data.records import DataError
from ..data.splits import SPLITS
from ..data.statistics import SplitStatistics
from .errors import reported


def inspect(
    corpus: Annotated[Path, typer.Argument(help="Folder with train.spacy, dev.spacy, test.spacy")],
    output: Annotated[Path | None, typer.Option(help="JSON file for the same counts")] = None,
) -> None:
    """Count documents, words, and the mentions and distinct forms of each label in a corpus."""
    with reported():
        counts = {name: _count(corpus / f"{name}.spacy") for name in SPLITS}
    msg.table(
        [
            (name, c.documents, c.words, c.entities, f"{100 * c.entities / c.words:.1f}", c.longest)
            for name, c in counts.items()
        ],
        header=("split", "documents", "words", "entities", "per 100 words", "longest document"),
        aligns=("l", "r", "r", "r", "r", "r"),
        divider=True,
    )
    labels = sorted({label for c in counts.values() for label in c.mentions})
    msg.table(
        [
            (label, *(c.mentions[label] for c in counts.values()), _n_forms(counts, label))
            for label in labels
        ],
        header=("label", *counts, "distinct forms"),
        aligns=("l", "r", "r", "r", "r"),
        divider=True,
    )
    for label in labels:
        if not counts["train"].mentions[label]:
            msg.warn(f"{label} is in dev or test but never in train: it cannot be learned")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, {name: c.to_json() for name, c in counts.items()})


def _count(path: Path) -> SplitStatistics:
    if not path.exists():
        raise DataError(str(path), "no such file", "Run 'python -m spacy bert-ner convert' first")
    return SplitStatistics.of(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))


def _n_forms(counts: dict[str, SplitStatistics], label: str) -> int:
    return len(set().union(*(c.forms.get(label, set()) for c in counts.values())))
