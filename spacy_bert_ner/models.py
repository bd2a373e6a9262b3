"""Trained pipelines and their data, as commands read and write them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import spacy
from spacy.cli._util import setup_gpu
from spacy.language import Language
from spacy.training import Corpus, Example

from .data.records import DataError


def load(model: str, gpu_id: int = -1) -> Language:
    """A pipeline by folder or package name. Raises DataError if there is none."""
    setup_gpu(gpu_id, silent=True)
    try:
        return spacy.load(model)
    except OSError as error:
        raise DataError(
            model,
            "no such pipeline",
            "Give the folder of a trained pipeline or an installed package",
        ) from error


def docbin_examples(path: Path, nlp: Language) -> Iterator[Example]:
    """The documents of a .spacy file or a folder of them, with gold tokens and entities.

    Raises DataError if there is no such file.
    """
    if not path.exists() or not (path.is_dir() or path.suffix == ".spacy"):
        raise DataError(
            str(path),
            "no such DocBin",
            "`spacy bert-ner convert` makes .spacy files of annotations",
        )
    yield from Corpus(path, gold_preproc=False)(nlp)


def save(nlp: Language, output: Path) -> None:
    """Write a pipeline to a folder, which is replaced as a whole if it exists."""
    if output.exists() and not (output / "meta.json").exists():
        raise DataError(
            str(output), "is there already and holds no pipeline", "Choose another folder"
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(mkdtemp(dir=output.parent, prefix=f".{output.name}-"))
    try:
        nlp.to_disk(scratch / "model")
        if output.exists():
            output.rename(scratch / "old")
        (scratch / "model").rename(output)
    finally:
        shutil.rmtree(scratch)
