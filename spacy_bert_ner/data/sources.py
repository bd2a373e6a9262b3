"""Where annotations come from: files, folders, globs, compressed files and standard input."""

from __future__ import annotations

import atexit
import glob
import gzip
import io
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, cast

from .findings import Findings
from .records import DataError, Place

STDIN = "-"
SPLITS = ("train", "dev", "test")
# How other tools call the splits.
SPLIT_NAMES = {
    "validation": "dev",
    "valid": "dev",
    "val": "dev",
    **{name: name for name in SPLITS},
}
# Hugging Face numbers the files of a split so.
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
LABELS_FILE = "labels.txt"
# Documentation of the data, some of which ends like annotations.
_DOCUMENTATION = re.compile(
    r"(readme|licen[cs]e|copying|notice|changelog|guide|guidelines)"
    r"([-_][^.]*(\.\d+)?)?(\.(txt|rst|html|pdf))?|.*\.md"
)
# What a conversion writes beside its corpus.
_OUTPUT = re.compile(r"conversion\.json|(.*\.)?rejects\.jsonl")
# What other files are read with: the labels allowed, brat's settings, the types of UIMA.
_WITH_OTHERS = re.compile(rf"{re.escape(LABELS_FILE)}|.*\.conf|typesystem\.xml")
_MAGIC = re.compile(r"[*?[]")
_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = "\ufeff"
HEAD_SIZE = 1 << 16
_SHOWN = 20


@dataclass
class Source:
    """One file, or one folder that a format treats as a file, to be read by one reader.

    path: where it lies.
    name: what the user knows it as; every message says this.
    split: train, dev or test if its name tells, else "".
    findings: what the reader noticed and the user should know (`note`).
    advance: called with the number of bytes read from disk since the last call, for a progress bar.
        Looking at the head does not count.
    """

    path: Path
    name: str = ""
    split: str = ""
    findings: Findings = field(default_factory=Findings)
    advance: Callable[[int], object] | None = None

    def __post_init__(self) -> None:
        self.name = self.name or str(self.path)

    @property
    def stem(self) -> str:
        """The name without folder and ending: `a/b.1.conll.gz` → `b.1`."""
        return _uncompressed(self.name).stem

    @property
    def ending(self) -> str:
        """The ending in lower case, without that of compression: `a/b.CONLL.gz` → `.conll`."""
        return _uncompressed(self.name).suffix.lower()

    def place(self, line: int = 0) -> Place:
        return Place(self.name, line)

    def note(self, check: str, line: int, detail: str) -> None:
        """Tell the user of something that did not stop the reading."""
        self.findings.add(check, self.place(line), detail)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The bytes, decompressed.

        Raises DataError where the file cannot be opened, or, inside, where it cannot be read on.
        """
        with self._open(self.advance) as file:
            yield file

    @contextmanager
    def _open(self, advance: Callable[[int], object] | None) -> Iterator[BinaryIO]:
        with ExitStack() as stack:
            try:
                raw = stack.enter_context(self.path.open("rb", buffering=0))
            except OSError as error:
                raise DataError(self.name, f"cannot be read ({error.strerror})") from error
            counted = cast(io.RawIOBase, _Counted(raw, advance)) if advance else raw
            file: BinaryIO = stack.enter_context(io.BufferedReader(counted))
            try:
                if file.peek(2)[:2] == _GZIP:  # type: ignore[attr-defined]
                    file = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=file)))
                yield file
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(
                    self.name, f"cannot be read to its end ({error})", "Copy the file anew"
                ) from error

    def head(self) -> str:
        """The beginning of a text file, decoded as far as possible, to tell its format."""
        with self._open(None) as file:
            raw = file.read(HEAD_SIZE)
        return raw.decode(_encoding(raw), errors="replace").removeprefix(_BOM)

    def text(self) -> str:
        """The whole text, with line breaks as they are. Raises DataError as `lines` does."""
        return "".join(self.raw_lines())

    def lines(self) -> Iterator[tuple[int, str]]:
        """Line numbers from 1 and lines without their line break, one at a time.

        Only \\n and \\r\\n end a line: other separators of Unicode may be part of a token.
        Raises DataError for what is not UTF-8 (or UTF-16 with a byte order mark).
        """
        noted = False
        for number, line in enumerate(self.raw_lines(), start=1):
            line = line.removesuffix("\n")
            if line.endswith("\r"):
                line = line[:-1]
                if not noted:
                    self.note("encoding", number, "lines end with CR LF, read as line ends")
                    noted = True
            yield number, line

    def raw_lines(self) -> Iterator[str]:
        """As `lines`, but with the line breaks as they are, and without numbers."""
        noted = False
        with self.open() as file:
            for number, raw in enumerate(file, start=1):
                if number == 1 and raw.startswith(_UTF16):
                    yield from self._utf16_lines(raw + file.read())
                    return
                line = self._decode(raw, "utf-8", number)
                if number == 1 and line.startswith(_BOM):
                    self.note("encoding", 1, "a byte order mark at the beginning, left out")
                    line = line[1:]
                if not noted and "\0" in line:
                    self.note("encoding", number, "a NUL character in the text, kept")
                    noted = True
                yield line

    def _utf16_lines(self, raw: bytes) -> Iterator[str]:
        self.note("encoding", 0, "UTF-16, read as such")
        return io.StringIO(self._decode(raw, "utf-16", 1), newline="\n")

    def _decode(self, raw: bytes, encoding: str, line: int) -> str:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            passed = raw[: error.start].decode(encoding).count("\n")
            raise DataError(
                self.place(line + passed),
                f"not {encoding.upper()} text (byte 0x{raw[error.start]:02x})",
                "Save the file as UTF-8, or force the format of a binary file with --format",
            ) from error


class _Counted(io.RawIOBase):
    """A raw file that tells how much of it has been read."""

    def __init__(self, raw: io.FileIO, advance: Callable[[int], object]) -> None:
        self._raw = raw
        self._advance = advance

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._raw.readinto(buffer) or 0
        self._advance(count)
        return count


def _encoding(raw: bytes) -> str:
    return "utf-16" if raw.startswith(_UTF16) else "utf-8"


def _uncompressed(name: str) -> Path:
    path = Path(name)
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def find_sources(given: str) -> tuple[list[Source], list[str]]:
    """The sources that an argument stands for, and the names of files that were left alone.

    given: a file, a folder (searched with its subfolders), a glob pattern, or "-" for standard
        input, which is copied to a temporary file because formats are told from content.

    In folders and patterns, hidden files are passed over, documentation and what conversions write
    is left alone, and files that belong to another one, as brat's texts, come with that.
    A source's `split` is told by its own name or by that of a folder between it and `given`.
    Raises DataError where there is nothing to read.
    """
    if given == STDIN:
        return [Source(_spool(), "<stdin>")], []
    path = Path(given)
    if path.exists() and not _is_searched(path):
        return [Source(path, given, _split_of(path.name))], []
    if path.exists():
        base, files = path, _files_below(path)
    else:
        base = Path(*takewhile(lambda part: not _MAGIC.search(part), path.parts))
        matches = map(Path, sorted(glob.glob(given, recursive=True)))
        files = [file for match in matches for file in _expand(match)]
    found = dict.fromkeys(files)
    if not found and not path.exists():
        raise _nothing_at(path)
    used, left = [], []
    for file in found:
        name = file.name.lower()
        if _WITH_OTHERS.fullmatch(name) or _is_part(file, found):
            continue
        if _DOCUMENTATION.fullmatch(name) or _OUTPUT.fullmatch(name):
            left.append(str(file))
        else:
            used.append(Source(file, str(file), _split_of(*file.relative_to(base).parts)))
    if not used:
        raise DataError(given, "no annotation file in it", "Give a folder or file with annotations")
    return used, left


def _is_searched(path: Path) -> bool:
    """A folder of files, rather than one that is a data set: shards, or a `save_to_disk` of datasets."""
    return path.is_dir() and not (
        path.suffix == ".spacy"
        or (path / "dataset_dict.json").exists()
        or ((path / "state.json").exists() and (path / "dataset_info.json").exists())
    )


def _expand(path: Path) -> list[Path]:
    return _files_below(path) if _is_searched(path) else [path]


def _files_below(folder: Path) -> list[Path]:
    """Files and data set folders below, in order of their names; hidden ones are left out."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(str(folder), f"cannot be read ({error.strerror})") from error
    # A link to a folder above would be followed for ever.
    return [
        file
        for path in paths
        if not (path.is_symlink() and folder.resolve().is_relative_to(path.resolve()))
        for file in _expand(path)
    ]


def _is_part(path: Path, found: Container[Path]) -> bool:
    """The text of a brat file, or a file of a data set folder that a pattern found beside it."""
    text = path.suffix == ".txt" and path.with_suffix(".ann") in found
    return text or any(folder in found for folder in path.parents)


def _nothing_at(path: Path) -> DataError:
    folder = next(parent for parent in path.parents if parent.is_dir())
    beside = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    shown = [*beside[:_SHOWN], "…"] if len(beside) > _SHOWN else beside
    return DataError(
        str(path),
        "no such file or folder, and no file matches it as a pattern",
        f"In {folder} there is: {', '.join(shown) or 'nothing'}",
    )


def _split_of(*names: str) -> str:
    """The split that the last of the names to do so tells."""
    for name in reversed(names):
        stem = _SHARD.sub("", name.split(".")[0]).lower()
        if stem in SPLIT_NAMES:
            return SPLIT_NAMES[stem]
    return ""


def _spool() -> Path:
    """Standard input as a file, removed with the process: readers go over it more than once."""
    with tempfile.NamedTemporaryFile(prefix="bert-ner-", delete=False) as copy:
        path = Path(copy.name)
        atexit.register(path.unlink, missing_ok=True)
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return path
