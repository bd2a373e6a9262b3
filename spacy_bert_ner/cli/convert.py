"""`spacy bert-ner convert`: annotation files to DocBin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import spacy
import typer
from wasabi import msg

from ..data.dataset import read_dataset, write_splits
from .errors import reported


def convert(
    dataset: Annotated[Path, typer.Argument(help="Folder with the annotation files")],
    output: Annotated[Path, typer.Argument(help="Folder for train.spacy, dev.spacy, test.spacy")],
    lang: Annotated[str, typer.Option(help="Language of the tokenizer")] = "en",
    seed: Annotated[int, typer.Option(help="Seed of the split by document")] = 0,
) -> None:
    """Convert a dataset folder to train.spacy, dev.spacy and test.spacy.

    The files are .txt with inline labels, .conll or .iob2 columns, or .spacy. Files called train,
    dev and test are taken as such; any others are pooled and split by document.
    """
    with reported():
        splits = read_dataset(dataset, spacy.blank(lang), seed=seed)
        for path, docs in zip(write_splits(splits, output), splits.values()):
            entities = sum(len(doc.ents) for doc in docs)
            msg.good(f"{path}: {len(docs)} documents, {entities} entities")
