"""Prodigy's annotations: JSONL, as `prodigy db-out` writes it.

Documented at https://prodi.gy/docs/api-interfaces#ner_manual. Offsets are characters; `token_end` is
the last token of a span, not the one after it. Where a task has tokens, they are the words; those
out of order or outside the text are left out and counted (`misplaced-token`).

Answers: tasks that were rejected or ignored are left out and counted (`answer-reject`,
`answer-ignore`), since that refuses the annotation as a whole. A task without an answer is used.
The interface `ner` asks about one suggestion at a time, so entities that it did not suggest are not
marked; its tasks are used, and counted (`binary-answer`).

Several annotators: of the tasks with the same `_input_hash` the first accepted one is used, or the
first by the chosen annotator (`_annotator_id` or `_session_id`); others are left out and counted
(`further-annotators`). Tasks without that hash are all used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from ..records import Record
from ..sources import Source
from .base import Format, ReadOptions
from .json_entries import Checks, first_entry, read_entries, scalars, shown

_ANSWERS = ("accept", "reject", "ignore")
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    seen: set[str] = set()
    for line, value in read_entries(source):
        checks = Checks(source, line)
        task = checks.mapping(value, "a task")
        if _is_used(task, checks, options.annotator, seen):
            yield _record(task, checks)


def _is_used(task: dict[str, Any], checks: Checks, annotator: str | None, seen: set[str]) -> bool:
    """Whether a task is accepted, by the right annotator, and the first of its input."""
    text = task.get("text")
    answer = task.get("answer")
    if answer is not None and answer not in _ANSWERS:
        raise checks.error(f"the answer {shown(answer)} is none of {', '.join(_ANSWERS)}")
    if answer in ("reject", "ignore"):
        checks.note(f"answer-{answer}", f"{shown(text)} is left out")
        return False
    names = [
        str(task[key]) for key in ("_annotator_id", "_session_id") if task.get(key) is not None
    ]
    by = f"by {names[0]!r}" if names else "without an annotator"
    if annotator is not None and annotator not in names:
        checks.note("further-annotators", f"{shown(text)} {by} is left out")
        return False
    identity = task.get("_input_hash")
    if identity is not None:
        if not isinstance(identity, int | str):
            raise checks.error(f"'_input_hash' must be a number, not {shown(identity)}")
        if str(identity) in seen:
            checks.note(
                "further-annotators",
                f"{shown(text)} {by} is left out, as its input {identity} came before",
            )
            return False
        seen.add(str(identity))
    if task.get("_view_id") == "ner":
        checks.note("binary-answer", f"{shown(text)} may have entities that nobody was asked about")
    return True


def _record(task: dict[str, Any], checks: Checks) -> Record:
    text = checks.string(task.get("text"), "'text'")
    spans = [checks.mapping(item, "a span") for item in checks.items(task.get("spans"), "'spans'")]
    meta = task.get("meta")
    return Record(
        text,
        [
            checks.span(
                text, span.get("start"), span.get("end"), span.get("label"), span.get("text")
            )
            for span in spans
        ],
        checks.source.place(checks.line),
        words=checks.words(text, task.get("tokens")),
        meta=(scalars(meta) if isinstance(meta, dict) else {})
        | scalars(task, left_out=("text", "answer")),
    )


def matches(head: str, source: Source) -> bool:
    task = first_entry(head, source)
    if not isinstance(task, dict) or not isinstance(task.get("text"), str):
        return False
    lists = {key: value for key, value in task.items() if isinstance(value, list)}
    if lists.keys() & {"ents", "annotations", "completions"}:
        return False
    if any(not isinstance(item, dict) for item in lists.get("tokens", [])[:1]):
        return False
    if "spans" in lists:
        return all(isinstance(item, dict) for item in lists["spans"][:1])
    # Metadata of a task outlives its conversion to a format that keeps labels elsewhere.
    if lists.keys() & {"label", "labels", "entities"}:
        return False
    return task.get("answer") in _ANSWERS or "_input_hash" in task


def write(records: Iterable[Record], file: TextIO) -> None:
    for record in records:
        json.dump(_task(record), file, ensure_ascii=False)
        file.write("\n")


def _task(record: Record) -> dict[str, Any]:
    words = record.words or []
    followers = [start for start, _ in words[1:]] + [len(record.text)]
    first = {start: i for i, (start, _) in enumerate(words)}
    last = {end: i for i, (_, end) in enumerate(words)}
    task: dict[str, Any] = {
        "text": record.text,
        "tokens": [
            {
                "text": record.text[start:end],
                "start": start,
                "end": end,
                "id": i,
                "ws": end < follower,
            }
            for i, ((start, end), follower) in enumerate(zip(words, followers))
        ],
        "spans": [
            {
                "start": span.start,
                "end": span.end,
                "token_start": first[span.start],
                "token_end": last[span.end],
                "label": span.label,
            }
            for span in record.spans
        ],
        "answer": "accept",
    }
    meta = dict(record.meta)
    identity = meta.pop("_input_hash", None)
    if identity is not None:
        task["_input_hash"] = int(identity) if _WHOLE_NUMBER.fullmatch(identity) else identity
    if meta:
        task["meta"] = meta
    return task


FORMAT = Format("prodigy", "Prodigy", (".jsonl", ".json"), read, matches, write)
