"""Training data of spaCy v2, pairs of text and annotations, and Docs as JSON of spaCy v3.

Pairs are documented at https://v2.spacy.io/usage/training#training-simple-style:

    TRAIN_DATA = [("Ada met Bo", {"entities": [(0, 3, "PERSON"), (8, 10, "PERSON")]})]

They may stand in a Python file, which is parsed and never run and may hold one such list, or in
JSON, as a list or one a line. A fourth item of an entity is its id in a knowledge base, and not
used. Spans beside entities are not used, which is counted (`unused-annotations`).

Docs are what `Doc.to_json()` gives (https://spacy.io/api/doc#to_json), as a list or one a line;
`ents` are the entities and `tokens` the words.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import Any

from ..records import DataError, EntitySpan, Record
from ..sources import Source
from .base import Format, ReadOptions
from .json_entries import Checks, first_entry, read_entries, shown

_GAP = r"(?:\s|#[^\n]*\n)*"
# A list of tuples or lists that begin with a string, by itself or assigned to a name.
_PYTHON = re.compile(
    rf"""^(?:\w+\s*(?::[^=\n]*)?=\s*)?[\[(]{_GAP}[\[(]{_GAP}[rRuU]?["']""", re.MULTILINE
)
_ENTITIES = re.compile(r"""["']entities["']\s*:""")


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    for line, value in read_entries(source) if _is_json(source) else _python_pairs(source):
        checks = Checks(source, line)
        yield _of_doc(value, checks) if isinstance(value, dict) else _of_pair(value, checks)


def _is_json(source: Source) -> bool:
    if source.ending in (".json", ".jsonl", ".py"):
        return source.ending != ".py"
    return isinstance(first_entry(source.head(), source), list | dict)


def _of_pair(value: object, checks: Checks) -> Record:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise checks.error(f"{shown(value)} is not a pair of text and annotations")
    text = checks.string(value[0], "the text")
    annotations = checks.mapping(value[1], "the annotations")
    if "entities" not in annotations:
        raise checks.error(f"no 'entities' among the annotations {shown(annotations)}")
    _note_spans(annotations, text, checks)
    items = checks.items(annotations["entities"], "'entities'")
    spans = [_entity(item, text, checks) for item in items]
    return Record(text, spans, checks.source.place(checks.line))


def _entity(item: object, text: str, checks: Checks) -> EntitySpan:
    parts = checks.items(item, "an entity")
    if len(parts) not in (3, 4):
        raise checks.error(f"the entity {shown(item)} is not made of start, end and label")
    return checks.span(text, *parts[:3])


def _of_doc(value: dict[str, Any], checks: Checks) -> Record:
    text = checks.string(value.get("text"), "'text'")
    if "ents" not in value:
        raise checks.error(f"no 'ents' of {shown(text)}", "Write Docs with Doc.to_json()")
    _note_spans(value, text, checks)
    ents = [checks.mapping(item, "an entity") for item in checks.items(value["ents"], "'ents'")]
    return Record(
        text,
        [checks.span(text, ent.get("start"), ent.get("end"), ent.get("label")) for ent in ents],
        checks.source.place(checks.line),
        words=checks.words(text, value.get("tokens")),
    )


def _note_spans(annotations: dict[str, Any], text: str, checks: Checks) -> None:
    if unused := annotations.get("spans"):
        checks.note("unused-annotations", f"spans of {shown(text)}: {shown(unused)}")


def _python_pairs(source: Source) -> Iterator[tuple[int, Any]]:
    """Line number and value of each item of the one list of pairs in a Python file."""
    text = source.text()
    try:
        with warnings.catch_warnings():
            # Of escapes like \d, which mean what they say.
            warnings.simplefilter("ignore")
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        raise DataError(
            source.place(line),
            f"neither JSON nor Python ({getattr(error, 'msg', error)}: "
            f"{shown(getattr(error, 'text', ''))})",
            "The file must hold a list of (text, annotations)",
        ) from error
    lists = [value for statement in module.body if (value := _list_of_pairs(statement))]
    if len(lists) != 1:
        where = ", ".join(str(value.lineno) for value in lists)
        raise DataError(
            source.name,
            f"lists of (text, annotations) on lines {where}"
            if lists
            else "no list of (text, annotations)",
            "The file must hold one such list, of literals only",
        )
    for node in lists[0].elts:
        try:
            yield node.lineno, ast.literal_eval(node)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise DataError(
                source.place(node.lineno),
                f"{shown(ast.get_source_segment(text, node))} is not made of literals only",
                "Files are not run; write texts and offsets out",
            ) from error


def _list_of_pairs(statement: ast.stmt) -> ast.List | ast.Tuple | None:
    """What a statement is or assigns, if that is a list whose first item is a pair."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.List | ast.Tuple) or not value.elts:
        return None
    first = value.elts[0]
    if not isinstance(first, ast.List | ast.Tuple) or len(first.elts) != 2:
        return None
    return value if isinstance(first.elts[1], ast.Dict) else None


def matches(head: str, source: Source) -> bool:
    entry = first_entry(head, source)
    if isinstance(entry, dict):
        return isinstance(entry.get("text"), str) and isinstance(entry.get("ents"), list)
    if isinstance(entry, list):
        return (
            len(entry) == 2
            and isinstance(entry[0], str)
            and isinstance(entry[1], dict)
            and "entities" in entry[1]
        )
    return bool(_PYTHON.search(head) and _ENTITIES.search(head))


FORMAT = Format(
    "spacy", "spaCy's training tuples", (".json", ".jsonl", ".py", ".txt"), read, matches
)
