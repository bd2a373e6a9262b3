"""Token classification as Hugging Face datasets hold it: rows of a list of tokens and one of tags.

Documented at https://huggingface.co/docs/transformers/tasks/token_classification and, for files, at
https://huggingface.co/docs/datasets/process#save. Read are JSON (one row a line, or a list of rows),
Parquet, and folders of Arrow files that `save_to_disk` wrote, whose splits become those of the
documents. In files other than JSON the line of a place is the row, counted from 1.

The tokens are in the column `tokens` or `words`, the tags in `ner_tags`, `ner`, `tags` or `labels`;
the first of these that holds lists in a file's first row is used, and columns of single values are
metadata. Tags are names in any scheme, or numbers, whose names Parquet and Arrow files may hold as
a ClassLabel; where a file does not, they have to be given. Labels without the prefix of a scheme are
refused, because they do not tell where one of two adjacent entities ends. Tags that break the scheme
of their file are read as conlleval reads them, and counted (`repaired-tags`). Tokens without a
character are left out and counted (`empty-token`), which shortens the entities that they are part
of; an entity of nothing else is passed on as an empty span.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from ..records import DataError, EntitySpan, Record
from ..sources import SPLIT_NAMES, Source
from ..tags import TAG, TagChecker, decode_tags
from .base import Format, ReadOptions
from .json_entries import Checks, first_entry, read_entries, scalars, shown

_TOKENS = ("tokens", "words")
_TAGS = ("ner_tags", "ner", "tags", "labels")
_SPLITS_FILE = "dataset_dict.json"
_STATE_FILE = "state.json"
_INFO_FILE = "dataset_info.json"
_BATCH = 1000
_PARQUET = "PAR1"
_PARQUET_ENDINGS = (".parquet", ".pq")
_GIVE_NAMES = "Name the tags in the order of their numbers: --class-names O,B-PER,I-PER,..."
_SAVE_ANEW = "Write the folder anew with save_to_disk"
# A damaged size may ask for all memory there is.
_UNREADABLE = (
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
    RecursionError,
    MemoryError,
)


@dataclass(frozen=True)
class _Columns:
    """The columns of a file that are used, and the names of its numeric tags, if known."""

    tokens: str
    tags: str
    names: Sequence[str] | None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Yield a Record for each row.

    Raises DataError for files that cannot be read, rows without tokens or with another number of
    tags, and tags that are none.
    """
    if source.path.is_dir():
        yield from _folder(source, options)
    elif _is_parquet(source.head(), source):
        yield from _parquet(source, options)
    else:
        yield from _records(read_entries(source), source, {}, options)


def _folder(source: Source, options: ReadOptions) -> Iterator[Record]:
    if not (source.path / _SPLITS_FILE).exists():
        yield from _dataset(source, options)
        return
    for name in _field(source, _SPLITS_FILE, "splits", list):
        if not isinstance(name, str):
            raise _unusable(_inside(source, _SPLITS_FILE), f"a split is called {shown(name)}")
        for record in _dataset(_inside(source, name), options):
            record.meta["split"] = SPLIT_NAMES.get(name.lower(), name)
            yield record


def _dataset(folder: Source, options: ReadOptions) -> Iterator[Record]:
    features = _field(folder, _INFO_FILE, "features", dict)
    state = _inside(folder, _STATE_FILE)
    # Early versions kept which rows were selected in a file of its own.
    if indices := _field(folder, _STATE_FILE, "_indices_data_files", list | None):
        raise _unusable(state, f"only rows listed in {shown(indices)} belong to the data set")
    for file in _field(folder, _STATE_FILE, "_data_files", list):
        name = file.get("filename") if isinstance(file, dict) else None
        if not isinstance(name, str):
            raise _unusable(state, f"{shown(file)} names no file")
        shard = _inside(folder, name)
        with (
            shard.open() as raw,
            _refusing(shard, "Arrow stream"),
            pa.ipc.open_stream(raw) as batches,
        ):
            yield from _records(_rows(batches), shard, features, options)


def _inside(folder: Source, name: str) -> Source:
    return Source(
        folder.path / name,
        f"{folder.name}/{name}",
        findings=folder.findings,
        advance=folder.advance,
    )


def _field(folder: Source, name: str, key: str, kind: Any) -> Any:
    """The value of a key in a JSON file of the folder, which must be of the given type."""
    file = _inside(folder, name)
    try:
        entry = json.loads(file.text())
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise _unusable(file, f"not JSON ({error})") from error
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        raise _unusable(file, f"{key!r} is {shown(value)}")
    return value


def _unusable(file: Source, cause: str) -> DataError:
    return DataError(file.name, cause, _SAVE_ANEW)


def _parquet(source: Source, options: ReadOptions) -> Iterator[Record]:
    with source.open() as raw, _refusing(source, "Parquet file"):
        # Parquet is read from its end, for which a compressed file would be unpacked every time.
        file = io.BytesIO(raw.read()) if isinstance(raw, gzip.GzipFile) else raw
        with pa.parquet.ParquetFile(file) as table:
            features: Any = json.loads(
                (table.schema_arrow.metadata or {}).get(b"huggingface", b"0")
            )
            for key in ("info", "features"):
                features = features.get(key) if isinstance(features, dict) else None
            yield from _records(_rows(table.iter_batches(_BATCH)), source, features, options)


@contextmanager
def _refusing(source: Source, kind: str) -> Iterator[None]:
    """Raise DataError where pyarrow cannot read a file."""
    try:
        yield
    except DataError:
        raise
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            source.name, f"not a whole {kind} ({reason})", "Write or copy the file anew"
        ) from error


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, Any]]:
    number = 0
    for batch in batches:
        # What is damaged would otherwise be read from anywhere in memory.
        batch.validate(full=True)
        for row in batch.to_pylist():
            number += 1
            yield number, row


def _records(
    rows: Iterable[tuple[int, Any]], source: Source, features: Any, options: ReadOptions
) -> Iterator[Record]:
    """The Records of one file's numbered rows."""
    columns = None
    checker = TagChecker()
    for number, value in rows:
        checks = Checks(source, number)
        row = checks.mapping(value, "a row")
        if columns is None:
            tags = _column(row, _TAGS, checks)
            names = _class_names(features.get(tags) if isinstance(features, dict) else None)
            columns = _Columns(_column(row, _TOKENS, checks), tags, names or options.class_names)
        yield _record(row, columns, checker, checks)


def _column(row: dict[str, Any], names: Sequence[str], checks: Checks) -> str:
    for name in names:
        if name in row and not isinstance(row[name], str | int | float):
            return name
    raise checks.error(
        f"there is no list in {' or '.join(map(repr, names))}, only the fields {shown(list(row))}",
        "Rename the columns of tokens and of tags",
    )


def _class_names(feature: Any) -> list[str] | None:
    """The names of a ClassLabel, inside the list types of any version of the library."""
    while isinstance(feature, list | dict):
        if isinstance(feature, list):
            feature = feature[0] if feature else None
        elif isinstance(feature.get("names"), list):
            return [str(name) for name in feature["names"]]
        else:
            feature = feature.get("feature")
    return None


def _record(row: dict[str, Any], columns: _Columns, checker: TagChecker, checks: Checks) -> Record:
    tokens = [checks.string(token, "a token") for token in _items(row, columns.tokens, checks)]
    tags = [_tag(tag, columns.names, checks) for tag in _items(row, columns.tags, checks)]
    if len(tokens) != len(tags):
        raise checks.error(f"{len(tokens)} tokens, but {len(tags)} tags")
    bounds = []
    done = -1
    for i, token in enumerate(tokens):
        if not token:
            checks.note("empty-token", f"token {i + 1} of {shown(tokens)} is empty, left out")
            bounds.append((max(done, 0), max(done, 0)))
            continue
        bounds.append((done + 1, done + 1 + len(token)))
        done = bounds[-1][1]
    for i in checker.broken(tags):
        detail = f"{tags[i]!r} of {shown(tokens[i])} follows or leads to no tag that it may"
        checks.note("repaired-tags", detail)
    spans = []
    for first, last, label in decode_tags(tags):
        inside = [(start, end) for start, end in bounds[first:last] if start < end]
        start, end = (inside[0][0], inside[-1][1]) if inside else bounds[first]
        spans.append(EntitySpan(start, end, label))
    return Record(
        " ".join(filter(None, tokens)),
        spans,
        checks.source.place(checks.line),
        words=[(start, end) for start, end in bounds if start < end],
        spaces_known=False,
        meta=scalars(row, left_out=(columns.tokens, columns.tags)),
    )


def _items(row: dict[str, Any], column: str, checks: Checks) -> list[Any]:
    if row.get(column) is None:
        raise checks.error(f"there is no {column!r}, only {shown(row)}")
    return checks.items(row[column], repr(column))


def _tag(tag: object, names: Sequence[str] | None, checks: Checks) -> str:
    if isinstance(tag, int) and not isinstance(tag, bool):
        if names is None:
            raise checks.error(f"the tag {tag} is a number without a name", _GIVE_NAMES)
        if not 0 <= tag < len(names):
            raise checks.error(
                f"the tag {tag} is none of the {len(names)} that have names", _GIVE_NAMES
            )
        tag = names[tag]
    if not isinstance(tag, str) or not TAG.match(tag):
        raise checks.error(f"{shown(tag)} is no tag", "Tags are O, or B-LABEL, I-LABEL and so on")
    return tag


def _is_parquet(head: str, source: Source) -> bool:
    return head.startswith(_PARQUET) or source.ending in _PARQUET_ENDINGS


def matches(head: str, source: Source) -> bool:
    """Whether it is such a folder, Parquet, or JSON with lists of tokens and of tags."""
    if source.path.is_dir():
        return any((source.path / name).exists() for name in (_SPLITS_FILE, _STATE_FILE))
    if _is_parquet(head, source):
        return True
    row = first_entry(head, source)
    return (
        isinstance(row, dict)
        and any(_is_flat(row.get(key)) and _is_text(row[key]) for key in _TOKENS)
        and any(_is_flat(row.get(key)) for key in _TAGS)
    )


def _is_flat(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(item, list | dict) for item in value)


def _is_text(value: list[Any]) -> bool:
    return all(isinstance(item, str) for item in value)


FORMAT = Format("huggingface", "Hugging Face", (".parquet", ".jsonl", ".json"), read, matches)
