r"""The project's own annotation format: running text with inline labels.

    # genre = newswire

    # id = newswire-001
    [OSLO](GPE), [March 3](DATE) — said [Kari Bjerke](PERSON).

A document is a block of lines without a blank one; line breaks inside it belong to its text.
Lines `# key = value` above it are its metadata; a block of only such lines holds for every later
document of the file. Brackets and backslashes that mean themselves are written `\[`, `\]`, `\\`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .records import DataError, EntitySpan, Place, Record

_META = re.compile(r"#\s+([A-Za-z_][\w-]*)\s*=\s*(.*?)\s*$")
_LABEL = re.compile(r"\(([^\s()\[\]]+)\)")
_ESCAPABLE = "[]\\"


def parse_markup(markup: str, place: Place) -> tuple[str, list[EntitySpan]]:
    """Split text with inline labels into the bare text and its spans.

    markup: one document, possibly of several lines; `place` is that of its first line.
    Raises DataError naming the line of an unbalanced or empty bracket, or of a missing label.
    """
    text: list[str] = []
    length = 0
    spans: list[EntitySpan] = []
    opened: tuple[int, int] | None = None  # (offset in text, offset in markup)

    def at(offset: int) -> Place:
        return Place(place.path, place.line + markup.count("\n", 0, offset))

    def excerpt(offset: int) -> str:
        return repr(markup[offset : offset + 30])

    escape = "Write \\[ and \\] for brackets that are plain text"
    i = 0
    while i < len(markup):
        char = markup[i]
        if char == "\\" and i + 1 < len(markup) and markup[i + 1] in _ESCAPABLE:
            text.append(markup[i + 1])
            length += 1
            i += 2
        elif char == "[":
            if opened is not None:
                raise DataError(
                    at(i),
                    f"'[' inside another label at {excerpt(opened[1])}",
                    f"Entities cannot nest; label the outermost name. {escape}",
                )
            opened = (length, i)
            i += 1
        elif char == "]":
            if opened is None:
                raise DataError(at(i), f"']' without '[' before {excerpt(i)}", escape)
            match = _LABEL.match(markup, i + 1)
            if match is None:
                raise DataError(
                    at(opened[1]),
                    f"no (LABEL) after the bracket {excerpt(opened[1])}",
                    f"Write [name](LABEL). {escape}",
                )
            if length == opened[0]:
                raise DataError(
                    at(i), f"empty label {excerpt(opened[1])}", "Put the name between the brackets"
                )
            spans.append(EntitySpan(opened[0], length, match.group(1)))
            opened = None
            i = match.end()
        else:
            text.append(char)
            length += 1
            i += 1
    if opened is not None:
        raise DataError(
            at(opened[1]),
            f"'[' is never closed: {excerpt(opened[1])}",
            f"Write [name](LABEL). {escape}",
        )
    return "".join(text), spans


def format_markup(text: str, spans: Iterable[EntitySpan]) -> str:
    """The inverse of `parse_markup`, for spans that do not overlap."""

    def bare(start: int, end: int | None = None) -> str:
        return re.sub(r"[\[\]\\]", r"\\\g<0>", text[start:end])

    out: list[str] = []
    done = 0
    for span in sorted(spans, key=lambda s: s.start):
        out.append(bare(done, span.start))
        out.append(f"[{bare(span.start, span.end)}]({span.label})")
        done = span.end
    out.append(bare(done))
    return "".join(out)


def read_inline(path: Path) -> Iterator[Record]:
    """Yield the documents of one file. Raises DataError as `parse_markup` does."""
    inherited: dict[str, str] = {}
    meta: dict[str, str] = {}
    block: list[str] = []
    first_line = 0
    number = 0

    def finish() -> Record:
        nonlocal number
        number += 1
        place = Place(str(path), first_line)
        text, spans = parse_markup("\n".join(block), place)
        return Record(text, spans, place, meta={"id": f"{path.stem}-{number}", **inherited, **meta})

    with path.open(encoding="utf-8-sig", newline=None) as lines:
        for line_number, line in enumerate(lines, start=1):
            line = line.rstrip("\n")
            if not line.strip():
                if block:
                    yield finish()
                else:
                    inherited.update(meta)
                block, meta = [], {}
            elif not block and (match := _META.match(line)):
                meta[match.group(1)] = match.group(2)
            else:
                if not block:
                    first_line = line_number
                block.append(line)
    if block:
        yield finish()
