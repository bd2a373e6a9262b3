"""`spacy bert-ner inspect`: a corpus at a glance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import srsly
import typer
from spacy.tokens import Doc
from wasabi import msg

from ..data import page
from ..data.checks import all_checks
from ..data.inspection import Inspection, corpus_files, read_summary
from ..data.inspection import inspect as run
from ..data.records import DataError
from . import reading
from .errors import reported


def inspect(
    corpus: Annotated[
        Path, typer.Argument(help="Folder with train, dev and test.spacy, or an annotation file")
    ],
    output: Annotated[Path | None, typer.Option(help="JSON file for the same figures")] = None,
    html: Annotated[Path | None, typer.Option(help="HTML file for the whole picture")] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="Encoder folder, to measure documents in its word pieces")
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="Checks, with commas between, whose findings end in exit code 1")
    ] = "",
    lang: reading.Lang = "en",
) -> None:
    """Count documents, words and entities of a corpus, and look for what is likely wrong with it."""
    with reported():
        fatal = _names(fail_on)
        length, window = _measure(encoder) if encoder else (None, 0)
        inspection = run(
            corpus_files(corpus, reading.blank(lang)),
            length=length,
            window=window,
            conversion=read_summary(corpus),
        )
    _tables(inspection)
    _checks(inspection)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, inspection.to_json())
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page.render(inspection, f"Corpus {corpus}"), encoding="utf-8")
    if found := [name for name in fatal if inspection.findings.counts[name]]:
        msg.fail(f"Findings of {', '.join(found)}", exits=1)


def _measure(encoder: Path) -> tuple[Callable[[Doc], int], int]:
    # transformers takes seconds to import, and spaCy loads this module for its every command.
    from .pieces import piece_counter

    return piece_counter(encoder)


def _names(text: str) -> list[str]:
    names = reading.listed(text) or []
    known = [check.name for check in all_checks()]
    for name in names:
        if name not in known:
            raise DataError("--fail-on", f"no check {name!r}", f"Checks: {', '.join(known)}")
    return names


def _tables(inspection: Inspection) -> None:
    statistics = inspection.statistics
    msg.table(
        [
            (name, c.documents, c.words, c.entities, f"{c.density:.1f}", c.longest)
            for name, c in statistics.items()
        ],
        header=("split", "documents", "words", "entities", "per 100 words", "longest document"),
        aligns=("l", "r", "r", "r", "r", "r"),
        divider=True,
    )
    msg.table(
        [
            (label, *(c.mentions[label] for c in statistics.values()), len(inspection.forms(label)))
            for label in sorted(inspection.labels)
        ],
        header=("label", *statistics, "distinct forms"),
        aligns=("l", *("r" for _ in statistics), "r"),
        divider=True,
    )


def _checks(inspection: Inspection) -> None:
    findings = inspection.findings
    for check in inspection.checks:
        if count := findings.counts[check.name]:
            first = findings.of(check.name)[0]
            msg.warn(f"{check.name}: {count:,}. {check.title}", f"{first.place}: {first.detail}")
        else:
            msg.good(f"{check.name}: none")
    if inspection.conversion is None:
        return
    for name, what in inspection.conversion["findings"].items():
        first = what["examples"][0]
        msg.warn(
            f"On conversion, {name}: {what['count']:,}", f"{first['place']}: {first['detail']}"
        )
    if inspection.conversion["rejected"]:
        lost = inspection.conversion["rejected_percent"]
        msg.warn(f"{lost:.2f} % of the annotated spans were rejected on conversion")
