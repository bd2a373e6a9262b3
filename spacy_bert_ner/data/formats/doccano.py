"""doccano's sequence labeling: JSONL, one document a line.

Documented at https://doccano.github.io/doccano/tutorial/#export-the-dataset. A document has `text`
(`data` in older versions) and its spans as [start, end, label] in `label`, `labels` or `entities`.
Projects with relations have objects with `start_offset`, `end_offset` and `label` in `entities`;
their relations, and the comments of any project, are not used, which is counted
(`unused-annotations`). doccano writes one file for each annotator, so a file is one person's. All
other columns are metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from ..records import EntitySpan, Record
from ..sources import Source
from .base import Format, ReadOptions
from .json_entries import Checks, first_entry, read_entries, scalars, shown

_TEXTS = ("text", "data")
_LABELS = ("label", "labels", "entities")
_UNUSED = ("relations", "Comments")
_OTHERS = ("spans", "tokens", "ents", "annotations", "completions")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    for line, value in read_entries(source):
        checks = Checks(source, line)
        entry = checks.mapping(value)
        text_key = next((key for key in _TEXTS if key in entry), "text")
        text = checks.string(entry.get(text_key), repr(text_key))
        label_key = _label_key(entry, checks)
        spans = [_span(item, text, checks) for item in entry[label_key]]
        for key in _UNUSED:
            if unused := entry.get(key):
                checks.note("unused-annotations", f"{key} of {shown(text)}: {shown(unused)}")
        meta = scalars(entry, left_out=(text_key, label_key))
        yield Record(text, spans, source.place(line), meta=meta)


def _label_key(entry: dict[str, Any], checks: Checks) -> str:
    """The field with the spans; fields of such names that hold strings are metadata beside it."""
    given = {key: entry[key] for key in _LABELS if entry.get(key) is not None}
    if not given:
        raise checks.error(
            f"there is none of {', '.join(map(repr, _LABELS))}, only {shown(list(entry))}",
            "Export a project for sequence labeling as JSONL",
        )
    lists = [
        key for key, value in given.items() if isinstance(value, list) and not _is_class(value)
    ]
    filled = [key for key in lists if given[key]]
    if len(filled) > 1:
        raise checks.error(
            f"spans in {' and in '.join(map(repr, filled))}", "Keep one of them in the file"
        )
    if not lists:
        key, value = next(iter(given.items()))
        raise checks.error(
            f"{key!r} is {shown(value)}, which labels the text as a whole and marks no entities",
            "Export a project for sequence labeling",
        )
    return (filled or lists)[0]


def _is_class(value: object) -> bool:
    """Whether a label is that of a text as a whole."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _span(item: object, text: str, checks: Checks) -> EntitySpan:
    if isinstance(item, dict):
        start, end = (item.get(f"{key}_offset", item.get(key)) for key in ("start", "end"))
        return checks.span(text, start, end, item.get("label"), item.get("text"))
    parts = checks.items(item, "a span")
    if len(parts) != 3:
        raise checks.error(f"the span {shown(item)} is not made of start, end and label")
    return checks.span(text, *parts)


def matches(head: str, source: Source) -> bool:
    entry = first_entry(head, source)
    if not isinstance(entry, dict):
        return False
    text = next((entry[key] for key in _TEXTS if key in entry), None)
    if not isinstance(text, str) or any(isinstance(entry.get(key), list) for key in _OTHERS):
        return False
    return any(_may_be_spans(entry.get(key)) for key in _LABELS)


def _may_be_spans(value: object) -> bool:
    """Whether a field holds spans, none, or what the reader refuses with a better reason."""
    if not isinstance(value, list):
        return False
    if not value or _is_class(value):
        return True
    item = value[0]
    # Label Studio's short form has objects with `labels` here.
    return len(item) == 3 if isinstance(item, list) else isinstance(item, dict) and "label" in item


def write(records: Iterable[Record], file: TextIO) -> None:
    for record in records:
        label = [[span.start, span.end, span.label] for span in record.spans]
        json.dump({**record.meta, "text": record.text, "label": label}, file, ensure_ascii=False)
        file.write("\n")


FORMAT = Format("doccano", "doccano", (".jsonl", ".json"), read, matches, write)
