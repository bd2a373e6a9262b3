"""CSV or TSV with a header and one entity a row: the document's text, start, end and label.

There is no standard for it; quoting is that of RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), and
columns are found by the names of `_NAMES`, in any case. Offsets are characters; where a column has
the entity's own text, they are checked against it. A row with neither start, end nor label stands
for a document without entities.

The rows of a document follow one another: those with the same id or, where no column has ids, with
the same text. Of the other columns, those that are the same in all rows of a document are metadata.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ..offsets import resolve
from ..records import DataError, EntitySpan, Record
from ..sources import Source
from .base import Format, ReadOptions

# For each role the names of its column; the first that there is takes it.
_NAMES = {
    "start": ("start", "begin", "start_offset", "begin_offset", "start_char"),
    "end": ("end", "stop", "end_offset", "stop_offset", "end_char"),
    "label": ("label", "type", "tag", "entity_type", "category", "class", "entity"),
    "text": ("text", "document", "content", "sentence"),
    "id": ("doc_id", "document_id", "docid", "document", "id"),
    "surface": ("surface", "mention", "span_text", "entity_text", "span", "entity"),
}
_SPAN = ("start", "end", "label")
_DELIMITERS = ",;\t"
_TOKENS = {"word", "words", "token", "tokens"}
_TAGS = {"tag", "tags", "ner", "ner_tag", "ner_tags", "label"}
_OFFSET = re.compile(r"-?[0-9]{1,18}")
# Texts are as long as they are; a C long may have 32 bits.
_LONGEST = 2**31 - 1


@dataclass(frozen=True)
class _Row:
    """line: where it begins. cells: by role. others: by column name."""

    line: int
    cells: dict[str, str]
    others: dict[str, str]

    @property
    def key(self) -> str:
        return self.cells.get("id", self.cells["text"])


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    record: Record | None = None
    key = ""
    # Of documents that ended, where they began; a hash takes less memory than a text.
    ended: dict[int, int] = {}
    for row in _rows(source):
        if record is not None and row.key == key:
            _check_same_text(row, record, source)
        else:
            if record is not None:
                yield record
                ended[hash(key)] = record.place.line
                if row.cells["text"] == record.text:
                    source.note("same-text", row.line, f"{row.key[:40]!r} repeats {key[:40]!r}")
            key = row.key
            if hash(key) in ended:
                raise DataError(
                    source.place(row.line),
                    f"more of the document {key[:40]!r} of line {ended[hash(key)]}, after another",
                    "Sort the rows by document",
                )
            meta = {"id": row.cells.get("id", f"{source.stem}-{len(ended) + 1}"), **row.others}
            record = Record(row.cells["text"], [], source.place(row.line), meta=meta)
        record.meta = {
            name: value
            for name, value in record.meta.items()
            if name == "id" or row.others[name] == value
        }
        record.spans += _spans(row, source)
    if record is not None:
        yield record


def _check_same_text(row: _Row, record: Record, source: Source) -> None:
    text = row.cells["text"]
    if text != record.text:
        raise DataError(
            source.place(row.line),
            f"the document {row.key[:40]!r} has the text {text[:40]!r} here and "
            f"{record.text[:40]!r} in line {record.place.line}",
            "Give documents of different text different ids",
        )


def _spans(row: _Row, source: Source) -> list[EntitySpan]:
    """The row's entity, if it has one."""
    start, end, label = (row.cells[role].strip() for role in _SPAN)
    if not (start or end or label):
        return []
    if not (_OFFSET.fullmatch(start) and _OFFSET.fullmatch(end) and label):
        raise DataError(
            source.place(row.line),
            f"start {start!r}, end {end!r} and label {label!r} are not two whole numbers and a label",
            "Fill all three, or none for a document without entities; 3.0 is no whole number",
        )

    def note(check: str, detail: str) -> None:
        source.note(check, row.line, detail)

    surface = row.cells.get("surface") or None
    offsets = resolve(row.cells["text"], int(start), int(end), surface, note)
    return [EntitySpan(*offsets, label, line=row.line)]


def _rows(source: Source) -> Iterator[_Row]:
    csv.field_size_limit(_LONGEST)
    lines = source.raw_lines()
    first = next(lines, "")
    delimiter, columns = _find_columns(first, source)
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                source.place(line),
                f"not a row of CSV ({error})",
                "Quote fields with delimiters, quotes or line breaks, and double quotes inside",
            ) from error
        if fields is None:
            return
        if not header:
            header = fields
        elif fields:
            if len(fields) != len(header):
                raise DataError(
                    source.place(line),
                    f"{len(fields)} fields where the header has {len(header)}: {fields!r:.60}",
                    f"Columns are {', '.join(header)}; quote fields with {delimiter!r} in them",
                )
            yield _row(line, fields, header, columns)


def _row(line: int, fields: list[str], header: list[str], columns: dict[str, int]) -> _Row:
    cells = {role: fields[i] for role, i in columns.items()}
    if not cells.get("id"):
        cells.pop("id", None)
    taken = {*columns.values()}
    others = {
        name: field
        for i, (name, field) in enumerate(zip(header, fields))
        if i not in taken and name != "id"
    }
    return _Row(line, cells, others)


def _find_columns(first: str, source: Source) -> tuple[str, dict[str, int]]:
    """The delimiter that brings out most columns, and the index of each role's column."""
    found = {delimiter: _columns(_names(first, delimiter)) for delimiter in _DELIMITERS}
    delimiter = max(found, key=lambda delimiter: len(found[delimiter]))
    if _has_tokens(first):
        raise DataError(
            source.place(1),
            f"one token a row, not one entity: {first.strip()[:60]!r}",
            "Write a file NAME.conll with token, TAB and tag in a line, and blank lines between "
            "sentences",
        )
    missing = [role for role in (*_SPAN, "text") if role not in found[delimiter]]
    if missing:
        raise DataError(
            source.place(1),
            f"no column for {' and '.join(missing)} in the header {first.strip()[:80]!r}",
            f"Call it {' and '.join(_NAMES[role][0] for role in missing)}",
        )
    return delimiter, found[delimiter]


def _names(first: str, delimiter: str) -> list[str]:
    try:
        row = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in row]


def _columns(names: list[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for role, known in _NAMES.items():
        free = [
            name for name in known if name in names and names.index(name) not in columns.values()
        ]
        if free:
            columns[role] = names.index(free[0])
    return columns


def _has_tokens(first: str) -> bool:
    """Whether it is the header of a table of tokens with their tags."""
    for delimiter in ",;":
        names = _names(first, delimiter)
        if _TOKENS.intersection(names) and _TAGS.intersection(names):
            return "start" not in _columns(names)
    return False


def matches(head: str, source: Source) -> bool:
    """Whether the first line has names for start, end and label, or for tokens and tags."""
    first = head.split("\n", 1)[0]
    return _has_tokens(first) or any(
        _columns(_names(first, delimiter)).keys() >= set(_SPAN) for delimiter in _DELIMITERS
    )


FORMAT = Format("csv", "CSV of entities", (".csv", ".tsv"), read, matches)
