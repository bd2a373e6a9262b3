"""JSON as annotation tools write it: one value a line, or one list of values.

Lone surrogates, which no spaCy string can hold, become U+FFFD one for one, so that offsets stay
right.
"""

from __future__ import annotations

import codecs
import json
import re
import reprlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeGuard

from ..offsets import resolve
from ..records import DataError, EntitySpan
from ..sources import Source

_DECODER = json.JSONDecoder()
_LIST = re.compile(r'\s*\[(?!\s*")')
_SPACE = re.compile(r"[ \t\r\n]*")
_CHUNK = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# An escape that a chunk's end cuts in two is at most this long, and so is a number's sign or NaN.
_LONGEST_UNIT = len(r"\ud83d\ude00")
_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
# Surrogate pairs and other escapes are passed over, so that what is left is a half by itself.
_ESCAPE = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>\\u[dD][89a-fA-F]..)|\\.")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 60
# Never looks at more of a value than it shows.
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _SHOWN


def read_entries(source: Source) -> Iterator[tuple[int, Any]]:
    """Yield each entry's line number and value, one entry in memory at a time.

    The file is either one value a line or one list, over any number of lines, of values.
    Raises DataError for what is not JSON.
    """
    if is_list(source.head()):
        yield from _list_entries(source)
        return
    for number, line in source.lines():
        if line.strip():
            yield number, parse(line, source, number)


def is_list(head: str) -> bool:
    """Whether a file that begins so is one list, rather than one value a line.

    A list that begins with a string is one of the values: ["text", {...}].
    """
    return _LIST.match(head) is not None


def first_entry(head: str, source: Source | None = None) -> Any:
    """The first entry of a file that begins so, or None if it is not JSON.

    source: where to read on if the entry is longer than the head; without it that gives None.
    """
    opened = _LIST.match(head)
    try:
        return _DECODER.raw_decode(head, _past_space(head, opened.end() if opened else 0))[0]
    except json.JSONDecodeError as error:
        if source is None or not head.lstrip().startswith(("[", "{")) or not _is_cut_off(error):
            return None
    except (ValueError, RecursionError):
        return None
    try:
        # What is noted here will be noted by the reader.
        return next(read_entries(Source(source.path, source.name)), (0, None))[1]
    except DataError:
        return None


def parse(text: str, source: Source, line: int) -> Any:
    """The value of one line. Raises DataError with its place."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_json(error, source, line) from error
    return _mend(value, text, source, line)


def shown(value: object) -> str:
    """A value for a message, cut where it is long."""
    text = _REPR.repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def scalars(entry: Mapping[str, Any], left_out: tuple[str, ...] = ()) -> dict[str, str]:
    """The fields of an object that hold a string, number or truth value, as strings."""
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in entry.items()
        if key not in left_out and isinstance(value, str | int | float)
    }


@dataclass(frozen=True)
class Checks:
    """Checks of what an entry holds. All raise DataError with its place, quoting the value."""

    source: Source
    line: int

    def error(
        self, cause: str, remedy: str = "Mend the entry, or export the file anew"
    ) -> DataError:
        return DataError(self.source.place(self.line), cause, remedy)

    def note(self, check: str, detail: str) -> None:
        self.source.note(check, self.line, detail)

    def mapping(self, value: object, name: str = "the entry") -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(f"{name} must be a JSON object, not {shown(value)}")
        return value

    def string(self, value: object, name: str) -> str:
        """A string without surrogates."""
        if not isinstance(value, str):
            raise self.error(f"{name} must be a string, not {shown(value)}")
        if not _SURROGATE.search(value):
            return value
        mended = _SURROGATE.sub("\ufffd", value)
        self.note("encoding", f"a lone surrogate in {shown(mended)}, now U+FFFD")
        return mended

    def items(self, value: object, name: str) -> list[Any]:
        """The items of a list; none for null, which stands for a list that is missing."""
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            raise self.error(f"{name} must be a list, not {shown(value)}")
        return list(value)

    def span(
        self, text: str, start: object, end: object, label: object, surface: object = None
    ) -> EntitySpan:
        """A span of the given offsets, which may lie anywhere, with `resolve` applied."""
        if not (_is_offset(start) and _is_offset(end) and isinstance(label, str) and label.strip()):
            raise self.error(
                f"the span {shown([start, end, label])} is not made of two whole numbers and a label"
            )
        start, end = resolve(text, start, end, surface, self.note)
        return EntitySpan(start, end, self.string(label, "the label"))

    def words(self, text: str, tokens: object) -> list[tuple[int, int]] | None:
        """Offsets of tokens, each an object with start and end; None if there are none.

        Tokens that overlap the one before, or lie outside the text, are left out and noted
        (`misplaced-token`).
        """
        words = []
        done = 0
        for item in self.items(tokens, "'tokens'"):
            token = self.mapping(item, "a token")
            start, end = token.get("start"), token.get("end")
            if not (_is_offset(start) and _is_offset(end)):
                raise self.error(f"the token {shown(token)} lacks whole numbers as start and end")
            # Markers of wordpiece tokenizers, as [CLS], cover nothing, wherever they say they are.
            if start == end:
                continue
            if not done <= start < end <= len(text):
                self.note("misplaced-token", f"{shown(token)} after offset {done} of {len(text)}")
                continue
            words.append((start, end))
            done = end
        return words or None


def _is_offset(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _list_entries(source: Source) -> Iterator[tuple[int, Any]]:
    with source.open() as file:
        text = _Buffer(file, source)
        text.peek()
        text.advance(1)
        mark = text.peek()
        while mark != "]":
            line = text.line
            yield line, text.value()
            mark = text.peek()
            if mark not in (",", "]"):
                raise DataError(
                    source.place(text.line),
                    f"the JSON list goes on with {text.excerpt()!r} where a comma is due"
                    if mark
                    else "the JSON list has no end",
                    "Export the file anew",
                )
            if mark == ",":
                text.advance(1)
                text.peek()
        text.advance(1)
        if text.peek():
            raise DataError(
                source.place(text.line),
                f"{text.excerpt()!r} after the end of the JSON list",
                "The file must hold one JSON value a line, or one list of them",
            )


class _Buffer:
    """The part of a file that is being parsed: `text` from `at` on, at line number `line`."""

    def __init__(self, file: BinaryIO, source: Source) -> None:
        self._file = file
        self._source = source
        self._decode: Callable[..., str] | None = None
        self._ended = False
        self.text = ""
        self.at = 0
        self.line = 1

    def peek(self) -> str:
        """The next character that is no space, which is then at `at`, or "" at the file's end."""
        while True:
            self.advance(_past_space(self.text, self.at) - self.at)
            if self.at < len(self.text) or self._ended:
                return self.text[self.at : self.at + 1]
            self._grow()

    def advance(self, length: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + length)
        self.at += length

    def excerpt(self) -> str:
        return self.text[self.at : self.at + 20]

    def value(self) -> Any:
        """The value that begins at `at`."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
                # A number may go on in the next chunk.
                if end + _LONGEST_UNIT < len(self.text) or self._ended:
                    break
            except json.JSONDecodeError as error:
                if self._ended or not _is_cut_off(error):
                    self.advance(error.pos - self.at)
                    raise _no_json(error, self._source, self.line) from error
            except (ValueError, RecursionError) as error:
                raise _no_json(error, self._source, self.line) from error
            self._grow()
        value = _mend(value, self.text[self.at : end], self._source, self.line)
        self.advance(end - self.at)
        return value

    def _grow(self) -> None:
        self.text, self.at = self.text[self.at :], 0
        try:
            # As much again as there is, so that a long entry is not parsed over and over.
            raw = self._file.read(max(_CHUNK, len(self.text)))
            if self._decode is None:
                encoding = "utf-16" if raw.startswith(_UTF16) else "utf-8-sig"
                if raw.startswith((codecs.BOM_UTF8, *_UTF16)):
                    self._source.note("encoding", 1, "a byte order mark at the beginning, left out")
                self._decode = codecs.getincrementaldecoder(encoding)().decode
            self.text += self._decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            passed = self.text.count("\n") + error.object.count(b"\n", 0, error.start)
            raise DataError(
                self._source.place(self.line + passed),
                f"not UTF-8 text (byte 0x{error.object[error.start]:02x})",
                "Save the file as UTF-8",
            ) from error
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                self._source.name, f"cannot be read to its end ({error})", "Copy the file anew"
            ) from error
        self._ended = not raw


def _past_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _is_cut_off(error: json.JSONDecodeError) -> bool:
    """Whether more text could mend the error, because the text ends there."""
    unterminated = error.msg.startswith("Unterminated string")
    return unterminated or len(error.doc) - error.pos <= _LONGEST_UNIT


def _no_json(error: Exception, source: Source, line: int) -> DataError:
    if isinstance(error, json.JSONDecodeError):
        reason = f"{error.msg}: {error.doc[error.pos : error.pos + 20]!r}"
    else:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return DataError(
        source.place(line),
        f"not JSON ({reason})",
        "The file must hold one JSON value a line, or one list of them",
    )


def _mend(value: Any, text: str, source: Source, line: int) -> Any:
    # Surrogates come from escapes only, as UTF-8 cannot encode them.
    if not _HALVES.search(text):
        return value
    half = next((match for match in _ESCAPE.finditer(text) if match["half"]), None)
    if half is None:
        return value
    around = text[max(0, half.start() - 20) : half.end()]
    source.note("encoding", line, f"a lone surrogate at the end of {around}, now U+FFFD")
    mended = _ESCAPE.sub(lambda match: r"\ufffd" if match["half"] else match[0], text)
    return parse(mended, source, line)
