"""What every reader yields: a text, its entity spans, and where both came from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A position in an input file, for error messages.

    path: file name as the user gave it.
    line: 1-based line number, or 0 when the whole file is meant.
    """

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True)
class EntitySpan:
    """An annotated span: half-open character offsets into `Record.text`, and a label."""

    start: int
    end: int
    label: str


@dataclass
class Record:
    """One annotated document as a reader found it.

    text: the document's text, exactly as annotated.
    spans: entity spans in order of their start offset.
    words: for pre-tokenized formats, the tokens as (start, end) character offsets into `text`;
        None where the tokenizer of the pipeline decides.
    place: where the document begins in its file.
    meta: keys of the format that are kept on the Doc (id, genre ...).
    """

    text: str
    spans: list[EntitySpan]
    place: Place
    words: list[tuple[int, int]] | None = None
    meta: dict[str, str] = field(default_factory=dict)

    def place_of(self, span: EntitySpan) -> Place:
        """The line on which a span begins: one token a line, or the lines of the text itself."""
        if self.words is None:
            lines = self.text.count("\n", 0, span.start)
        else:
            lines = sum(end <= span.start for _, end in self.words)
        return Place(self.place.path, self.place.line + lines)


class DataError(ValueError):
    """Input that cannot be used. The message names the place, the cause and the way out."""

    def __init__(self, place: Place | str, cause: str, remedy: str = "") -> None:
        self.place = place
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{place}: {cause}." + (f" {remedy}." if remedy else ""))
