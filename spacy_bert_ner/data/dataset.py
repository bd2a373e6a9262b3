"""A dataset folder: annotation files, and optionally the labels they may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from .conll import read_conll
from .docs import make_doc
from .inline import read_inline
from .records import DataError, Record
from .splits import SPLITS, split_documents

# One reader for each file ending. Other formats come in through these.
READERS = {".txt": read_inline, ".conll": read_conll, ".iob2": read_conll, ".iob": read_conll}
LABELS_FILE = "labels.txt"


def read_dataset(folder: Path, nlp: Language, *, seed: int = 0) -> dict[str, list[Doc]]:
    """The Docs of each split of a dataset folder.

    Files called train, dev and test (whatever their ending) are the splits. Without them, all files
    are pooled and split by document, stratified by genre. `labels.txt`, if there is one, lists the
    labels that may occur, one a line. Files ending in .md are left alone.

    Raises DataError with file and line for anything that cannot be used.
    """
    if not folder.is_dir():
        beside = sorted(p.name for p in folder.parent.glob("*") if p.is_dir())
        raise DataError(
            str(folder),
            "no such dataset",
            f"A dataset is a folder of annotation files. Folders in {folder.parent}: "
            f"{', '.join(beside) or 'none'}. Optional datasets are fetched by "
            "'python -m spacy project assets --extra'",
        )
    files = annotation_files(folder)
    if not files:
        raise DataError(
            str(folder), "no annotation file", f"Known endings: {', '.join([*READERS, '.spacy'])}"
        )
    named = {p.stem: p for p in files if p.stem in SPLITS}
    if named:
        missing = [name for name in SPLITS if name not in named]
        if missing:
            raise DataError(
                str(folder),
                f"there is no file for {' and '.join(missing)}",
                "Give train, dev and test, or files of other names to have them split",
            )
        unused = [p.name for p in files if p not in named.values()]
        if unused:
            raise DataError(
                str(folder),
                f"files beside train, dev and test that would go unread: {', '.join(unused)}",
                "Give one file for each split, and keep others elsewhere",
            )
        splits = {name: list(read_docs(named[name], nlp)) for name in SPLITS}
    else:
        records = [record for file in files for record in _read_records(file)]
        splits = {
            name: [make_doc(record, nlp) for record in members]
            for name, members in split_documents(records, seed=seed).items()
        }
    _check(splits, folder)
    return splits


def annotation_files(folder: Path) -> list[Path]:
    """The files of a dataset folder that a reader is there for, in order of their names."""
    known = {*READERS, ".spacy"}
    return [p for p in sorted(folder.iterdir()) if p.suffix in known and p.name != LABELS_FILE]


def read_docs(file: Path, nlp: Language) -> Iterator[Doc]:
    """The Docs of one file, by the reader of its ending. Raises DataError as `read_dataset` does."""
    if file.suffix == ".spacy":
        try:
            yield from DocBin().from_disk(file).get_docs(nlp.vocab)
        except Exception as error:
            raise DataError(
                str(file),
                f"not a DocBin file ({type(error).__name__})",
                "Write it with spaCy's DocBin().to_disk()",
            ) from error
        return
    for record in _read_records(file):
        yield make_doc(record, nlp)


def _read_records(file: Path) -> Iterator[Record]:
    if file.suffix == ".spacy":
        raise DataError(
            str(file), "a DocBin beside other files", "Name DocBins train, dev and test .spacy"
        )
    labels = _allowed_labels(file.parent)
    try:
        for record in READERS[file.suffix](file):
            for span in record.spans:
                if labels is not None and span.label not in labels:
                    raise DataError(
                        record.place_of(span),
                        f"the label {span.label!r} of {record.text[span.start : span.end]!r} is not "
                        f"in {LABELS_FILE}",
                        f"Labels there: {', '.join(sorted(labels))}",
                    )
            yield record
    except UnicodeDecodeError as error:
        raise DataError(
            str(file), f"not UTF-8 text (byte {error.start})", "Save the file as UTF-8"
        ) from error


def _allowed_labels(folder: Path) -> set[str] | None:
    file = folder / LABELS_FILE
    return set(file.read_text(encoding="utf-8").split()) if file.exists() else None


def _check(splits: dict[str, list[Doc]], folder: Path) -> None:
    for name, docs in splits.items():
        if not any(len(doc) for doc in docs):
            raise DataError(
                str(folder),
                f"the {name} split is empty",
                "It takes at least seven documents of a genre to fill three splits, or files "
                "called train, dev and test",
            )
        if not any(doc.ents for doc in docs):
            raise DataError(
                str(folder),
                f"no document of the {name} split has an entity",
                "Check that the annotations are entities (doc.ents), not other spans",
            )


def write_splits(splits: dict[str, list[Doc]], folder: Path) -> list[Path]:
    """Write each split as a DocBin. Either all files are written or none is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    pending = []
    try:
        for name, docs in splits.items():
            path = folder / f"{name}.spacy"
            part = path.with_suffix(".part")
            pending.append((part, path))
            DocBin(docs=docs, store_user_data=True).to_disk(part)
        for part, path in pending:
            part.replace(path)
    finally:
        for part, _ in pending:
            part.unlink(missing_ok=True)
    return [path for _, path in pending]
