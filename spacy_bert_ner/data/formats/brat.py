"""brat standoff: NAME.ann with annotations of the text in NAME.txt beside it.

Documented at https://brat.nlplab.org/standoff.html. Every text-bound annotation (T) is an entity,
triggers of events included, which have the event's type as label. Relations, events, attributes,
normalizations and notes are not entities and are counted (`not-entities`).

brat cuts an annotation at line breaks. Fragments with nothing but space between them are therefore
one contiguous entity; with text between them it is discontinuous.

The text that an annotation repeats is checked against the text at its offsets, with line breaks as
spaces (`text-mismatch`, `utf16-offsets`). Tools disagree on whether CR LF is one character or two,
and whether a byte order mark is one. It is read in the way that brings out most of the annotated
texts, in doubt as two and none; where CR LF is one character, the text has LF alone.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..offsets import resolve
from ..records import DataError, EntitySpan, Record
from ..sources import Source
from .base import Format, ReadOptions

_OFFSETS = r"-?[0-9]{1,18} -?[0-9]{1,18}"
_ENTITY = re.compile(rf"(T\S*)\t(\S+) ({_OFFSETS}(?:;{_OFFSETS})*) *(?:\t(.*))?$")
_OTHER = re.compile(r"([REAMN*#])\S*\t")
_KINDS = {
    "R": "relations",
    "*": "relations",
    "E": "events",
    "A": "attributes",
    "M": "attributes",
    "N": "normalizations",
    "#": "notes",
}
_LINE_BREAKS = {ord("\n"): " ", ord("\r"): " "}

Fragments = list[tuple[int, int]]


@dataclass(frozen=True)
class _Annotation:
    """line: its number. surface: the text that it repeats, or None."""

    line: int
    label: str
    fragments: Fragments
    surface: str | None

    def is_at(self, text: str, shift: int) -> bool:
        pieces = [
            text[max(0, start - shift) : max(0, end - shift)] for start, end in self.fragments
        ]
        return self.surface == " ".join(pieces).translate(_LINE_BREAKS)


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Yield the one document of a file."""
    path = source.path.with_suffix(".txt")
    if source.path.suffix.lower() != ".ann":
        raise DataError(
            source.name,
            "brat annotations are read from a file NAME.ann with NAME.txt beside it, and from "
            "nowhere else",
            "Give that file, or its folder, uncompressed",
        )
    if not path.is_file():
        raise DataError(
            source.name,
            f"there is no {path.name} beside it",
            "brat keeps the text of NAME.ann in NAME.txt; copy it there",
        )
    annotations = list(_annotations(source))
    text, shift = _read_text(path, source, annotations)
    flat = text.translate(_LINE_BREAKS)
    spans = [_span(annotation, flat, shift, source) for annotation in annotations]
    yield Record(text, spans, source.place(), meta={"id": source.stem})


def _annotations(source: Source) -> Iterator[_Annotation]:
    counts: Counter[str] = Counter()
    first: dict[str, tuple[int, str]] = {}
    for number, line in source.lines():
        if match := _ENTITY.match(line):
            _, label, offsets, surface = match.groups()
            pairs = [pair.split(" ") for pair in offsets.split(";")]
            fragments = [(int(start), int(end)) for start, end in pairs]
            if surface is not None:
                surface = surface.translate(_LINE_BREAKS)
            yield _Annotation(number, label, fragments, surface)
        elif match := _OTHER.match(line):
            kind = _KINDS[match.group(1)]
            counts[kind] += 1
            first.setdefault(kind, (number, line))
        elif line.strip():
            raise DataError(
                source.place(number),
                f"not an annotation of brat: {line[:60]!r}",
                "Entities are ID, TAB, LABEL START END, TAB, text, as in T1<TAB>ORG 0 4<TAB>Acme",
            )
    for kind, (number, line) in first.items():
        source.note("not-entities", number, f"{counts[kind]} {kind}, the first {line[:60]!r}")


def _read_text(path: Path, source: Source, annotations: list[_Annotation]) -> tuple[str, int]:
    """The text, and by how much its offsets are to be lowered."""
    file = Source(path, str(Path(source.name).with_suffix(".txt")), findings=source.findings)
    text = file.text()
    readings = [(text, 0)]
    if "\r\n" in text:
        readings.append((text.replace("\r\n", "\n"), 0))
    with file.open() as raw:
        if raw.read(3) == codecs.BOM_UTF8:
            readings += [(text, 1) for text, _ in readings]
    if len(readings) == 1:
        return readings[0]
    best = max(readings, key=lambda reading: sum(item.is_at(*reading) for item in annotations))
    if best != readings[0]:
        file.note("encoding", 0, _said(text, *best))
    return best


def _said(text: str, read: str, shift: int) -> str:
    counted = ["CR LF as one character"] * (read != text) + ["the byte order mark"] * shift
    return f"the offsets of the annotations count {' and '.join(counted)}"


def _span(annotation: _Annotation, flat: str, shift: int, source: Source) -> EntitySpan:
    fragments = sorted((start - shift, end - shift) for start, end in annotation.fragments)
    hull = fragments[0][0], max(end for _, end in fragments)
    if not annotation.is_at(flat, shift):

        def note(check: str, detail: str) -> None:
            source.note(check, annotation.line, detail)

        resolved = resolve(flat, *hull, annotation.surface, note)
        if resolved != hull:
            hull, fragments = resolved, [resolved]
    joined = fragments[:1]
    for start, end in fragments[1:]:
        first, last = joined[-1]
        if last <= start and not flat[last:start].strip():
            joined[-1] = (first, end)
        else:
            joined.append((start, end))
    pieces = tuple(joined) if len(joined) > 1 else ()
    return EntitySpan(*hull, annotation.label, pieces, annotation.line)


def matches(head: str, source: Source) -> bool:
    """An .ann file, an entity of brat in another one, or a text with its .ann file beside it."""
    if source.ending == ".ann" or _ENTITY.match(head.split("\n", 1)[0].rstrip("\r")):
        return True
    return source.ending == ".txt" and source.path.with_suffix(".ann").is_file()


FORMAT = Format("brat", "brat standoff", (".ann",), read, matches)
