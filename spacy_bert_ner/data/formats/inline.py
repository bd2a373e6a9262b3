r"""The project's own annotation format: running text with inline labels.

    # genre = newswire

    # id = newswire-001
    [OSLO](GPE), [March 3](DATE) — said [Kari Bjerke](PERSON).

A document is a block of lines without a blank one; line breaks inside it belong to its text.
Lines `# key = value` above it are its metadata; a block of only such lines holds for every later
document of the file. Brackets and backslashes that mean themselves are written `\[`, `\]`, `\\`.
A backslash before a line that is blank or begins with `#` makes it text: it is left out of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TextIO

from ..records import DataError, EntitySpan, Place, Record
from ..sources import Source
from .base import Format, ReadOptions

_META = re.compile(r"#\s+([A-Za-z_][\w-]*)\s*=\s*(.*?)\s*$")
_LABEL = re.compile(r"\(([^\s()\[\]]+)\)")
_PLAIN = re.compile(r"\\(?=\s*$|#|\ufeff)")
# No link: addresses have a colon, a slash, a dot or a #.
_LABELLED = re.compile(r"\[[^\[\]\n]+\]\([A-Za-z][\w-]*\)")
_MARKUP = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{]|<[?!a-zA-Z])")
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


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Yield the documents of one file. Raises DataError as `parse_markup` does."""
    inherited: dict[str, str] = {}
    meta: dict[str, str] = {}
    block: list[str] = []
    first_line = number = 0

    def finish() -> Record:
        nonlocal number
        number += 1
        place = source.place(first_line)
        text, spans = parse_markup("\n".join(block), place)
        return Record(
            text,
            spans,
            place,
            lines=range(first_line, first_line + len(block)),
            meta={"id": f"{source.stem}-{number}", **inherited, **meta},
        )

    for line_number, line in source.lines():
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
            block.append(line[1:] if _PLAIN.match(line) else line)
    if block:
        yield finish()


def write(records: Iterable[Record], file: TextIO) -> None:
    """Write documents so that reading them gives the same texts and spans.

    Metadata whose key is no single word, or whose value has line breaks or space around it, is left
    out. Raises DataError for carriage returns before line breaks, and for labels with space or
    brackets in them.
    """
    for record in records:
        lines = format_markup(record.text, record.spans).split("\n")
        unfit = next((span.label for span in record.spans if not _is_label(span.label)), None)
        if unfit is not None:
            raise _cannot_hold(record, f"the label {unfit!r}", "Rename it with --map")
        returns = next((line for line in lines if line.endswith("\r")), None)
        if returns is not None:
            raise _cannot_hold(
                record, f"the CR LF after {returns[-30:-1]!r}", "Write doccano JSONL"
            )
        for key, value in record.meta.items():
            line = f"# {key} = {value}"
            match = _META.fullmatch(line)
            if match and match.groups() == (key, value):
                file.write(line + "\n")
        for i, line in enumerate(lines):
            plain = not line.strip() or (i == 0 and (_META.match(line) or line[0] == "\ufeff"))
            file.write(("\\" if plain else "") + line + "\n")
        file.write("\n")


def _is_label(label: str) -> bool:
    return _LABEL.fullmatch(f"({label})") is not None


def _cannot_hold(record: Record, what: str, remedy: str) -> DataError:
    document = record.meta.get("id", record.text[:30])
    return DataError(
        record.place, f"text with inline labels cannot hold {what} in document {document!r}", remedy
    )


def matches(head: str, source: Source) -> bool:
    """Whether it has a label that could not be a link, or ends as plain text does."""
    if _MARKUP.match(head):
        return False
    return source.ending == ".txt" or bool(_LABELLED.search(head))


FORMAT = Format("inline", "text with inline labels", (".txt",), read, matches, write)
