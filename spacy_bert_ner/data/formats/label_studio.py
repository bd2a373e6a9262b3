"""Label Studio's JSON export: a list of tasks with the annotations of one or several people.

Documented at https://labelstud.io/guide/task_format (Label Studio Task Format). Older versions say
`completions` for `annotations`. The text is `text` in a task's `data`, else the only string there,
else the string that has at the regions' offsets what the regions say they cover; so is that string
where `text` has not. A region with several labels gives one span for each. Regions of HyperText,
whose `start` and `end` are paths into a page, are placed by their `globalOffsets`, and refused
unless those bring out the region's text; so are those of Paragraphs, whose texts are not one.

Several annotators: of the annotations that were not cancelled, the one marked as ground truth is
used, else the first; where an annotator is chosen (`completed_by`: a number, or the id or e-mail
address of an object), only theirs. The others are counted (`further-annotators`). Tasks that were
cancelled or never annotated (`skipped-task`), or that hold a model's predictions only
(`prediction-only`), are left out and counted, as are results without labels, such as relations and
choices (`unused-annotations`).

JSON-MIN, the export with an entry for each annotation, is read too. It does not say which one is
ground truth, so of a task's entries the first is used, or the chosen annotator's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..offsets import resolve
from ..records import EntitySpan, Record
from ..sources import Source
from .base import Format, ReadOptions
from .json_entries import Checks, first_entry, read_entries, scalars, shown

_ANNOTATIONS = ("annotations", "completions")
_LABELS = ("labels", "hypertextlabels")
# What JSON-MIN puts beside the task's data.
_BESIDE = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Yield a Record for each task with an annotation. Raises DataError for what is malformed."""
    seen: set[str] = set()
    for line, value in read_entries(source):
        checks = Checks(source, line)
        task = checks.mapping(value, "a task")
        is_minimal = _is_minimal(task)
        if is_minimal:
            task = _full(task)
        annotation = _annotation(task, checks, options.annotator)
        if annotation is None or (is_minimal and _came_before(task, annotation, seen, checks)):
            continue
        data = checks.mapping(task.get("data"), "'data'")
        regions = _regions(annotation, f"task {shown(task.get('id'))}", checks)
        key = _text_key(data, regions, checks)
        text = checks.string(data[key], f"data.{key}")
        spans = [span for region in regions for span in _spans(region, text, checks)]
        # The task's id comes first, and is not replaced by one that its data may hold.
        task_id = scalars({"id": task.get("id")})
        meta = {**task_id, **scalars(data, left_out=(key, *task_id))}
        yield Record(text, spans, source.place(line), meta=meta)


def _is_minimal(task: dict[str, Any]) -> bool:
    return "annotation_id" in task and not isinstance(task.get("data"), dict)


def _full(entry: dict[str, Any]) -> dict[str, Any]:
    """The task, with its one annotation, that an entry of JSON-MIN stands for."""
    results = {key: value for key, value in entry.items() if _is_result(value)}
    return {
        "id": entry.get("id"),
        "data": {key: entry[key] for key in entry if key not in (*_BESIDE, *results)},
        "annotations": [
            {
                "completed_by": entry.get("annotator"),
                "result": [
                    {"type": key, "value": item} for key in results for item in results[key]
                ],
            }
        ],
    }


def _is_result(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _came_before(
    task: dict[str, Any], annotation: dict[str, Any], seen: set[str], checks: Checks
) -> bool:
    """Whether the task had an annotation that is used in an earlier entry of JSON-MIN."""
    name = shown(task["id"])
    if task["id"] is None or name not in seen:
        seen.add(name)
        return False
    by = shown(annotation["completed_by"])
    checks.note("further-annotators", f"task {name} by {by} is left out")
    return True


def _annotation(
    task: dict[str, Any], checks: Checks, annotator: str | None
) -> dict[str, Any] | None:
    """The annotation that is used; None, with a note, if there is none."""
    key = next((key for key in _ANNOTATIONS if task.get(key)), _ANNOTATIONS[0])
    given = [
        checks.mapping(item, "an annotation") for item in checks.items(task.get(key), repr(key))
    ]
    name = f"task {shown(task.get('id'))}"
    finished = [item for item in given if not (item.get("was_cancelled") or item.get("skipped"))]
    if not finished:
        only_predicted = not given and task.get("predictions")
        checks.note("prediction-only" if only_predicted else "skipped-task", f"{name} is left out")
        return None
    usable = [item for item in finished if annotator is None or annotator in _names(item)]
    chosen = next((item for item in usable if item.get("ground_truth")), next(iter(usable), None))
    for item in finished:
        if item is not chosen:
            by = shown(item.get("completed_by"))
            checks.note("further-annotators", f"{name} by {by} is left out")
    return chosen


def _names(annotation: dict[str, Any]) -> set[str]:
    by = annotation.get("completed_by")
    values = [by.get("id"), by.get("email")] if isinstance(by, dict) else [by]
    return {str(value) for value in values if value is not None}


def _regions(annotation: dict[str, Any], name: str, checks: Checks) -> list[dict[str, Any]]:
    """The values of the results that have labels."""
    regions = []
    for item in checks.items(annotation.get("result"), "'result'"):
        result = checks.mapping(item, "a result")
        value = result.get("value")
        if isinstance(value, dict) and "paragraphlabels" in value:
            raise checks.error(
                f"{name} has a region {shown(value)} of Paragraphs, which are several texts",
                "Annotate each text as a task of its own, with Label Studio's Text tag",
            )
        if isinstance(value, dict) and any(value.get(key) not in (None, []) for key in _LABELS):
            regions.append(value)
        else:
            kind = shown(result.get("type"))
            checks.note("unused-annotations", f"{name}: a result of type {kind} without labels")
    return regions


def _text_key(data: dict[str, Any], regions: list[dict[str, Any]], checks: Checks) -> str:
    strings = [key for key, value in data.items() if isinstance(value, str)]
    fitting = [key for key in strings if all(_fits(data[key], region) for region in regions)]
    if data.get("text") is not None and ("text" in fitting or len(fitting) != 1 or not regions):
        return "text"
    found = strings if len(strings) == 1 else fitting
    if len(found) != 1:
        raise checks.error(
            f"'data' has no 'text', and {'several' if found else 'none'} of its fields "
            f"{shown(list(data))} could be it",
            "Name the field with the text 'text'",
        )
    return found[0]


def _fits(text: str, region: dict[str, Any]) -> bool:
    """Whether a region's offsets, in characters or UTF-16 units, bring out its text."""
    start, end = _offsets(region)
    surface = region.get("text")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(surface, str)):
        return False
    start, end = resolve(text, start, end, surface, lambda check, detail: None)
    return 0 <= start <= end and text[start:end] == surface


def _is_hypertext(region: dict[str, Any]) -> bool:
    return isinstance(region.get("start"), str) and isinstance(region.get("globalOffsets"), dict)


def _offsets(region: dict[str, Any]) -> tuple[Any, Any]:
    where = region["globalOffsets"] if _is_hypertext(region) else region
    return where.get("start"), where.get("end")


def _spans(region: dict[str, Any], text: str, checks: Checks) -> list[EntitySpan]:
    start, end = _offsets(region)
    key = next(key for key in _LABELS if region.get(key) not in (None, []))
    surface = region.get("text")
    spans = [
        checks.span(text, start, end, label, surface)
        for label in checks.items(region[key], repr(key))
    ]
    # Such offsets count what a browser shows, which may differ from the text by its markup.
    if _is_hypertext(region) and not _fits(text, region):
        raise checks.error(
            f"the globalOffsets {shown([start, end])} of a HyperText region do not bring out "
            f"its text {shown(surface)}",
            "Annotate the plain text, with Label Studio's Text tag",
        )
    return spans


def matches(head: str, source: Source) -> bool:
    task = first_entry(head, source)
    if not isinstance(task, dict):
        return False
    if _is_minimal(task):
        return "annotator" in task and "lead_time" in task
    if "data" not in task:
        return False
    # One of the two being malformed is for the reader to say, which can name it.
    if isinstance(task["data"], dict):
        return any(key in task for key in (*_ANNOTATIONS, "predictions"))
    return any(isinstance(task.get(key), list) for key in _ANNOTATIONS)


FORMAT = Format("label-studio", "Label Studio", (".json",), read, matches)
