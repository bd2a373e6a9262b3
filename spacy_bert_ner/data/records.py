"""What every reader yields: a text, its entity spans, and where both came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A position in an input file, for messages.

    path: file name as the user gave it.
    line: 1-based line (or, in formats without lines, entry) number; 0 when the whole file is meant.
    """

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path

    @classmethod
    def parse(cls, text: str) -> Place:
        """The inverse of `str`."""
        path, colon, line = text.rpartition(":")
        return cls(path, int(line)) if colon and line.isdecimal() else cls(text)


@dataclass(frozen=True)
class EntitySpan:
    """An annotated span: half-open character offsets into `Record.text`, and a label.

    fragments: for a discontinuous annotation its pieces, (start, end) each; `start` and `end` are
        then those of the hull. Entities of spaCy are contiguous, so such a span is rejected.
    line: where spans have lines of their own in a file, the line; it does not count in comparisons.
    """

    start: int
    end: int
    label: str
    fragments: tuple[tuple[int, int], ...] = ()
    line: int = field(default=0, compare=False)


@dataclass
class Record:
    """One annotated document as a reader found it.

    text: the document's text, exactly as annotated.
    spans: entity spans as annotated; they may be in any order, overlap, or be wrong.
    place: where the document begins in its file.
    words: for pre-tokenized formats, the tokens as (start, end) character offsets into `text`;
        None where the tokenizer of the pipeline decides.
    spaces_known: False where a format gives words without telling which of them are separated by
        a space; `text` then has a space between any two.
    lines: where the record stretches over lines of its file, the line number of each of `words`, or
        of each line of `text` where there are no words.
    sentence_starts: for records of several sentences, indices into `words`; None if not known.
    missing: character offsets (start, end) of stretches of which nobody said whether they are
        entities; their tokens get missing annotation.
    meta: what else is known of the document, kept on the Doc: `id`; `document` (the id of the
        document that a sentence belongs to); `split`; `genre`, and whatever the file says.
    """

    text: str
    spans: list[EntitySpan]
    place: Place
    words: list[tuple[int, int]] | None = None
    spaces_known: bool = True
    lines: Sequence[int] | None = None
    sentence_starts: list[int] | None = None
    missing: list[tuple[int, int]] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)

    def place_of(self, span: EntitySpan) -> Place:
        """The line on which a span begins, as far as the format has lines."""
        if span.line:
            return Place(self.place.path, span.line)
        if not self.lines:
            return self.place
        if self.words is None:
            passed = self.text.count("\n", 0, max(span.start, 0))
        else:
            passed = sum(end <= span.start for _, end in self.words)
        return Place(self.place.path, self.lines[min(passed, len(self.lines) - 1)])


@dataclass(frozen=True)
class Finding:
    """Something in the data that a person should know of.

    check: what kind of thing, in kebab case (`repaired-tags`, `probable-miss` ...).
    place: where it is.
    detail: one sentence that quotes the data.
    """

    check: str
    place: Place
    detail: str


class DataError(ValueError):
    """Input that cannot be used. The message names the place, the cause and the way out."""

    def __init__(self, place: Place | str, cause: str, remedy: str = "") -> None:
        self.place = place
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{place}: {cause}." + (f" {remedy}." if remedy else ""))
