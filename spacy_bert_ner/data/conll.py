"""CoNLL columns: one token a line with its tag, a blank line between sentences.

Columns are separated by TABs or spaces. The tag is in the last column that holds tags throughout;
the token is in the first column, or in the second where the first counts tokens, as in Universal
NER. Tags may be IOB1 (CoNLL-2003), IOB2, or one of the schemes with end tags (BIOES, BILOU, BMEWO).
Lines that begin with "# " and hold a key are metadata of the sentence below them. A cell with the
tags of several annotators ("B-a,B-b") counts as the first one's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .records import DataError, EntitySpan, Place, Record

_TAG = re.compile(r"(?:O|[BIESLUMW]-[^\s,]+)(?:,(?:O|[BIESLUMW]-[^\s,]+))*$")
_META = re.compile(r"#\s+(.+?)\s*=\s*(.*?)\s*$")
_DOCSTART = "-DOCSTART-"
# Every scheme's letters, as begin, inside, end and single.
_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "L", "L": "L", "S": "U", "U": "U", "W": "U"}


def read_conll(path: Path) -> Iterator[Record]:
    """Yield the sentences of a file as Records with `words`.

    Raises DataError for a line without a tag or with one that is none.
    """
    columns: tuple[int, int] | None = None
    rows: list[tuple[str, str]] = []
    meta: dict[str, str] = {}
    first_line = number = 0

    def finish() -> Record:
        nonlocal number
        number += 1
        place = Place(str(path), first_line)
        return _record(rows, place, {"id": f"{path.stem}-{number}", **meta})

    with path.open(encoding="utf-8-sig", newline=None) as lines:
        for line_number, line in enumerate(lines, start=1):
            line = line.rstrip("\n")
            place = Place(str(path), line_number)
            # A token may look blank (a lone no-break space), but then its tag follows.
            if not line.strip() or line.startswith(_DOCSTART):
                if rows:
                    yield finish()
                rows, meta = [], {}
                continue
            if not rows and (match := _META.match(line)) and not _TAG.match(line.split()[-1]):
                meta[match.group(1)] = match.group(2)
                continue
            cells = line.split("\t") if "\t" in line else line.split(" ")
            if columns is None:
                columns = _find_columns(cells, place)
            if len(cells) <= max(columns):
                raise DataError(
                    place,
                    f"expected a token and a tag, got {line!r}",
                    "Each line needs as many columns as the first; a blank line ends a sentence",
                )
            tag = cells[columns[1]].strip()
            if not _TAG.match(tag):
                raise DataError(
                    place, f"{tag!r} is no tag", "Tags are O, or B-LABEL, I-LABEL and so on"
                )
            if not rows:
                first_line = line_number
            rows.append((cells[columns[0]], tag.split(",")[0]))
    if rows:
        yield finish()


def _find_columns(cells: list[str], place: Place) -> tuple[int, int]:
    """Columns of the token and of the tag, from a file's first token line."""
    tagged = [i for i, cell in enumerate(cells) if i and _TAG.match(cell.strip())]
    if not tagged:
        raise DataError(
            place,
            f"no column of {cells!r} holds a tag",
            "Tags are O, or B-LABEL, I-LABEL and so on",
        )
    counted = cells[0].isdigit() and len(cells) > 2 and tagged[-1] > 1
    return (1 if counted else 0), tagged[-1]


def _record(rows: list[tuple[str, str]], place: Place, meta: dict[str, str]) -> Record:
    words = []
    offset = 0
    for token, _ in rows:
        words.append((offset, offset + len(token)))
        offset += len(token) + 1
    text = " ".join(token for token, _ in rows)
    spans = [
        EntitySpan(words[start][0], words[end - 1][1], label)
        for start, end, label in tag_spans([tag for _, tag in rows])
    ]
    return Record(text, spans, place, words=words, meta=meta)


def tag_spans(tags: list[str]) -> list[tuple[int, int, str]]:
    """Spans (first token, one past the last, label) of tags in any scheme.

    A sequence that breaks its scheme is read as conlleval reads it: an inside or end tag that
    continues nothing begins an entity.
    """
    spans = []
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        letter, name = (_LETTERS[tag[0]], tag[2:]) if tag != "O" else ("O", "")
        if label and (letter in "BUO" or name != label):
            spans.append((start, i, label))
            label = ""
        if letter != "O" and not label:
            start, label = i, name
        if letter in "LU":
            spans.append((start, i + 1, label))
            label = ""
    return spans
