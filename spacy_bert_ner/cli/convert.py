"""`spacy bert-ner convert`: annotation files of any common tool to DocBin, or to one another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from ..data.alignment import POLICIES
from ..data.conversion import convert as run
from ..data.conversion import into_splits
from ..data.formats import FORMATS, Format
from ..data.records import DataError
from ..data.rejects import REASONS
from ..data.summary import Summary
from . import reading
from .errors import reported
from .progress import progress_bar

WRITTEN = [name for name, form in FORMATS.items() if form.write is not None or name == "docbin"]


def convert(
    given: reading.Given,
    output: Annotated[
        Path, typer.Argument(help="File, or folder for train, dev and test", metavar="OUTPUT")
    ],
    format: reading.FormatName = "",
    to: Annotated[str, typer.Option(help=f"Format to write: {', '.join(WRITTEN)}")] = "",
    lang: reading.Lang = "en",
    align: Annotated[
        str,
        typer.Option(help=f"Spans that are not whole tokens: {', '.join(POLICIES)}"),
    ] = "strict",
    max_loss: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of spans that may be rejected")
    ] = 100.0,
    corrections: reading.CorrectionsFile = None,
    rename: reading.Rename = None,
    keep: reading.Keep = None,
    drop: reading.Drop = None,
    documents: reading.WholeDocuments = False,
    annotator: reading.Annotator = None,
    token_column: reading.TokenColumn = None,
    tag_column: reading.TagColumn = None,
    class_names: reading.ClassNames = None,
    dev: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the dev split")] = 0.15,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the test split")] = 0.15,
    group: Annotated[
        str, typer.Option(help="Metadata key; documents that share its value share a split")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the split")] = 0,
) -> None:
    """Convert annotation files to train, dev and test, or to one file.

    INPUT is a file, a folder, a quoted pattern, or - for standard input; formats are told from
    content. Files called train, dev (or validation) and test are taken as such; other files are
    pooled and split by document. If OUTPUT has an ending, everything goes into that one file.

    Spans that cannot become entities are listed in rejects.jsonl. Input that cannot be used, or more
    than --max-loss percent of spans rejected, ends in exit code 1 with the output as it was.
    """
    with reported():
        if align not in POLICIES:
            raise DataError("--align", f"unknown policy {align!r}", f"Known: {', '.join(POLICIES)}")
        summary = run(
            reading.make(
                given, format, annotator, token_column, tag_column, class_names,
                rename, keep, drop, corrections, documents,
            ),
            output,
            reading.blank(lang),
            placing=into_splits(dev, test, group, seed),
            policy=align,
            to=_target(to, output),
            max_loss=max_loss,
            progress=progress_bar,
        )  # fmt: skip
    report(summary)


def _target(name: str, output: Path) -> Format:
    if name:
        if name not in WRITTEN:
            raise DataError("--to", f"cannot write {name!r}", f"Known: {', '.join(WRITTEN)}")
        return FORMATS[name]
    if output.suffix in ("", ".spacy"):
        return FORMATS["docbin"]
    found = [name for name in WRITTEN if output.suffix in FORMATS[name].endings]
    if len(found) != 1:
        raise DataError(
            str(output),
            f"{output.suffix!r} does not tell which format to write",
            f"Name it with --to: {', '.join(found or WRITTEN)}",
        )
    return FORMATS[found[0]]


def report(summary: Summary) -> None:
    """Tell what a conversion did, worst last."""
    for name, (documents, entities) in summary.written.items():
        msg.good(f"{name}: {documents:,} documents, {entities:,} entities")
    if summary.left_alone:
        msg.info(f"No annotations, left alone: {', '.join(summary.left_alone)}")
    if dropped := summary.dropped.total():
        labels = ", ".join(f"{label} {n:,}" for label, n in summary.dropped.most_common())
        msg.info(f"{dropped:,} spans left out by label: {labels}")
    if summary.removed:
        msg.info(f"{summary.removed:,} spans removed by corrections")
    for label in summary.unseen_labels:
        msg.warn(f"No span has the label {label!r} that an option names")
    for check, count in sorted(summary.findings.counts.items()):
        first = summary.findings.of(check)[0]
        msg.warn(f"{check}: {count:,}; first at {first.place}: {first.detail}")
    if summary.rejects_file:
        msg.warn(
            f"{summary.rejected.total():,} of {summary.spans:,} spans ({summary.loss:.2f} %) in "
            f"{summary.document_loss:.2f} % of the documents were rejected, all listed in "
            f"{summary.rejects_file}"
        )
        for reason, count in summary.rejected.most_common():
            print(f"  {count:,} {REASONS[reason]}")
