"""What a format is: how to tell it, to read it and to write it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from ..records import Record
from ..sources import Source


@dataclass(frozen=True)
class ReadOptions:
    """What a user can say about a file that it does not say itself.

    token_column, tag_column: columns of token and tag in CoNLL files, counted from 1, negative from
        the end; None to find them.
    annotator: whose annotations to take where several people annotated, as the file names them;
        None for the policy of the format, which its module states.
    class_names: labels of numeric tags, in order, where the file does not hold them.
    """

    token_column: int | None = None
    tag_column: int | None = None
    annotator: str | None = None
    class_names: Sequence[str] | None = None


@dataclass(frozen=True)
class Format:
    """One annotation format.

    name: what `--format` and `--to` take.
    title: what messages call it.
    endings: of its files, in lower case; the first is that of files written.
    read: yields the Records of a Source; raises DataError with file and line for what it cannot
        use, and tells of what it mended through `Source.note`.
    matches: whether a file is of this format, told from its beginning (as text) and its Source.
        At most one format may claim a file.
    write: writes Records to a text file; None where the format is only read. Its Records have
        `words`, and spans that are whole words and do not overlap, in order of their start.
    """

    name: str
    title: str
    endings: tuple[str, ...]
    read: Callable[[Source, ReadOptions], Iterator[Record]]
    matches: Callable[[str, Source], bool]
    write: Callable[[Iterable[Record], TextIO], None] | None = None
