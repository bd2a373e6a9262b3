"""Spans that could not become entities: listed in a file, which can be mended and given back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from .formats.json_entries import read_entries
from .records import DataError, EntitySpan, Place, Record
from .sources import Source

_CONTEXT = 40

# Why a span was rejected, as people read it.
REASONS = {
    "not-whole-tokens": "is not a whole number of tokens",
    "space-at-edge": "begins or ends with whitespace",
    "overlaps": "overlaps an entity that is as long or longer",
    "nested": "lies inside another entity",
    "discontinuous": "is discontinuous",
    "outside-text": "its offsets lie outside the text",
    "empty": "is empty",
    "only-space": "is nothing but whitespace",
}


@dataclass(frozen=True)
class Reject:
    """One rejected span.

    place, document: its file and line, and the id of its document.
    text: what it covers (cut to the text where its offsets lie outside).
    reason: a key of `REASONS`.
    proposal: (start, end) of the whole tokens around it, or None where there is nothing to propose.
    proposal_text: what these cover.
    context: the text around it, with the span between ⟦ and ⟧.
    """

    place: Place
    document: str
    span: EntitySpan
    text: str
    reason: str
    proposal: tuple[int, int] | None
    proposal_text: str
    context: str

    @classmethod
    def of(
        cls, record: Record, span: EntitySpan, reason: str, proposal: tuple[int, int] | None
    ) -> Reject:
        text = record.text
        start, end = (min(max(offset, 0), len(text)) for offset in (span.start, span.end))
        before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
        return cls(
            record.place_of(span),
            record.meta.get("id", ""),
            span,
            text[start:end],
            reason,
            proposal,
            text[slice(*proposal)] if proposal else "",
            f"{before}⟦{text[start:end]}⟧{after}",
        )

    @property
    def cause(self) -> str:
        """What is wrong, and what is proposed."""
        cause = f"{self.text!r} ({self.span.label}) {REASONS[self.reason]}"
        return f"{cause}; proposed: {self.proposal_text!r}" if self.proposal else cause

    def __str__(self) -> str:
        return f"{self.place}: {self.cause}"

    def to_json(self) -> dict[str, Any]:
        """The line of the rejects file; `Corrections` reads it back."""
        span = self.span
        data = {
            "path": self.place.path,
            "line": self.place.line,
            "document": self.document,
            "start": span.start,
            "end": span.end,
            "label": span.label,
            "text": self.text,
            "reason": self.reason,
            "context": self.context,
            "proposal": None,
        }
        if span.fragments:
            data["fragments"] = span.fragments
        if self.proposal:
            start, end = self.proposal
            data["proposal"] = {
                "start": start, "end": end, "label": span.label, "text": self.proposal_text
            }  # fmt: skip
        return data


class RejectsWriter:
    """Writes Rejects to `path`, one JSON object a line; the file appears on `commit`.

    Without Rejects there is no file, and an older one is removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.first: Reject | None = None
        self._part = path.with_name(f".{path.name}.part")
        self._file: TextIO | None = None

    def add(self, reject: Reject) -> None:
        if self._file is None:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("w", encoding="utf-8")
            self.first = reject
        self._file.write(json.dumps(reject.to_json(), ensure_ascii=False) + "\n")
        self.count += 1

    def commit(self) -> None:
        if self._file is None:
            self.path.unlink(missing_ok=True)
        else:
            self._file.close()
            self._part.replace(self.path)

    def discard(self) -> None:
        """Leave nothing behind; after `commit` this does nothing."""
        if self._file is not None:
            self._file.close()
        self._part.unlink(missing_ok=True)


# Path, document id, start, end and label of a span as annotated.
SpanKey = tuple[str, str, int, int, str]


class Corrections:
    """What to do with the spans of a rejects file that a person has gone through.

    A line's `proposal` (as proposed, or with other `start`, `end`, `label`) replaces the span; a line
    whose `proposal` is null removes it. Spans whose lines were deleted are treated as ever.
    """

    def __init__(self, path: Path) -> None:
        """Raises DataError for a line that is no line of a rejects file."""
        self._source = Source(path)
        self._proposals: dict[SpanKey, EntitySpan | None] = {}
        self._unused: dict[SpanKey, int] = {}
        for number, entry in read_entries(self._source):
            key, proposal = _correction(entry, self._source.place(number))
            self._proposals[key] = proposal
            self._unused[key] = number

    def apply(self, record: Record) -> tuple[Record, int]:
        """The record with its spans corrected, and how many of them were removed."""
        spans: list[EntitySpan] = []
        removed = 0
        changed = False
        for span in record.spans:
            key = (
                record.place.path, record.meta.get("id", ""), span.start, span.end, span.label
            )  # fmt: skip
            if key not in self._proposals:
                spans.append(span)
                continue
            changed = True
            self._unused.pop(key, None)
            proposal = self._proposals[key]
            if proposal is None:
                removed += 1
            else:
                spans.append(proposal)
        return (replace(record, spans=spans) if changed else record), removed

    def require_all_used(self) -> None:
        """Raises DataError for a correction of a span that the data does not have."""
        for key, line in self._unused.items():
            raise DataError(
                self._source.place(line),
                f"no span {key[2]}–{key[3]} ({key[4]}) in document {key[1]!r} of {key[0]}",
                "Correct the rejects of this very data, given under the same path",
            )


def _correction(data: Any, place: Place) -> tuple[SpanKey, EntitySpan | None]:
    try:
        key = (data["path"], data["document"], data["start"], data["end"], data["label"])
        given = data["proposal"]
        proposal = None
        if given is not None:
            label = given.get("label", data["label"])
            proposal = EntitySpan(given["start"], given["end"], label)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            place,
            f"not a line of a rejects file ({error})",
            "Change only 'proposal': another start, end or label, or null to remove the span",
        ) from error
    offsets = key[2:4] if proposal is None else (*key[2:4], proposal.start, proposal.end)
    if not all(type(offset) is int for offset in offsets):
        raise DataError(place, f"offsets must be whole numbers, got {offsets}")
    return key, proposal
