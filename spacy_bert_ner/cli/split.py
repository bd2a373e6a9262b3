"""`spacy bert-ner split`: train, dev and test, or folds, from annotation files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..data.conversion import convert, into_folds, into_splits
from . import reading
from .convert import report
from .errors import reported
from .progress import progress_bar


def split(
    given: reading.Given,
    output: Annotated[Path, typer.Argument(help="Folder for the DocBins", metavar="OUTPUT")],
    dev: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the dev split")] = 0.15,
    test: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the test split")] = 0.15,
    folds: Annotated[
        int, typer.Option(min=0, help="Folds of a cross-validation, instead of three splits")
    ] = 0,
    group: Annotated[
        str, typer.Option(help="Metadata key; documents that share its value share a split")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the split")] = 0,
    format: reading.FormatName = "",
    lang: reading.Lang = "en",
) -> None:
    """Divide annotated documents anew, whatever splits they say they are of.

    Documents are divided alike in labels and genres; near duplicates, sentences of one document and
    members of a group stay together. With --folds N, OUTPUT gets fold-1 to fold-N, each with
    train.spacy and the dev.spacy that is held out from it.
    """
    with reported():
        placing = into_folds(folds, group, seed) if folds else into_splits(dev, test, group, seed)
        summary = convert(
            reading.make(given, format),
            output,
            reading.blank(lang),
            placing=placing.whatever_they_say(),
            progress=progress_bar,
        )
    report(summary)
