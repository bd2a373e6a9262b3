"""Everything that a user's argument stands for, as one stream of Records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from .alignment import align
from .findings import Findings
from .formats import Format, ReadOptions, find_format
from .labels import LabelRules
from .records import DataError, Record
from .rejects import Corrections
from .sentences import join_sentences
from .sources import LABELS_FILE, Source, find_sources


@dataclass
class Reading:
    """What is read, and how. Making one finds the files and their formats.

    given: file, folder, pattern or "-" (see `find_sources`).
    format: name of a format, or "" to tell it from content.
    options: what the files do not say themselves.
    labels: renaming and choosing of labels. If a folder holds a labels.txt, only labels in it may
        occur.
    corrections: decisions on earlier rejects.
    whole_documents: join the sentences of a document, where the file knows documents.

    Raises DataError where there is nothing to read or a format cannot be told.
    """

    given: str
    format: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)
    labels: LabelRules = field(default_factory=LabelRules)
    corrections: Corrections | None = None
    whole_documents: bool = False

    def __post_init__(self) -> None:
        found, self.left_alone = find_sources(self.given)
        self.sources: list[tuple[Source, Format]] = [
            (source, find_format(source, self.format)) for source in found
        ]
        self.removed = 0
        listed = Path(self.given) / LABELS_FILE
        if listed.is_file():
            self.labels.allowed = set(listed.read_text(encoding="utf-8").split())
            self.labels.allowed_in = str(listed)

    @property
    def findings(self) -> Findings:
        """What the readers noticed in the latest pass."""
        total = Findings()
        for source, _ in self.sources:
            total.update(source.findings)
        return total

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(
            file.stat().st_size
            for source, _ in self.sources
            for file in (source.path.rglob("*") if source.path.is_dir() else [source.path])
            if file.is_file()
        )

    def records(self, advance: Callable[[int], object] | None = None) -> Iterator[Record]:
        """One pass over all Records; `meta` has an `id`, and the `split` if the file's name tells.

        advance: called with numbers of bytes as they are read.
        Raises DataError with file and line for what cannot be used.
        """
        self.removed = 0
        self.labels.dropped.clear()
        for source, form in self.sources:
            source.findings = Findings()
            source.advance = advance
            records = form.read(source, self.options)
            if self.whole_documents:
                records = join_sentences(records)
            for number, record in enumerate(records, start=1):
                if "id" not in record.meta:
                    record.meta["id"] = f"{source.stem}-{number}"
                record = self.labels.apply(record)
                if source.split:
                    record.meta.setdefault("split", source.split)
                if self.corrections is not None:
                    record, removed = self.corrections.apply(record)
                    self.removed += removed
                yield record
        if self.corrections is not None:
            self.corrections.require_all_used()

    def split_by_name(self) -> bool:
        """Whether file names tell the split of every Record.

        Raises DataError if they do for some files only, as the others would go unread.
        """
        if Path(self.given).is_file():
            # A file given by itself is the data set, whatever its name.
            return False
        unnamed = [source.name for source, _ in self.sources if not source.split]
        if unnamed and len(unnamed) < len(self.sources):
            raise DataError(
                self.given,
                f"files beside train, dev and test that would go unread: {', '.join(unnamed)}",
                "Name files for their split or keep them elsewhere",
            )
        return not unnamed


def read_docs(given: str | Path, nlp: Language) -> Iterator[Doc]:
    """The Docs of annotation files, for who can do without none of their spans.

    Raises DataError for what cannot be used and for a span that cannot become an entity.
    """
    for record in Reading(str(given)).records():
        aligned = align(record, nlp)
        for reject in aligned.rejects:
            raise DataError(reject.place, reject.cause, "Mend the annotation, or convert it first")
        yield aligned.doc
