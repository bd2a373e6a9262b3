"""CoNLL columns: one token a line with its tag, a blank line between sentences.

As in CoNLL-2003 (https://www.clips.uantwerpen.be/conll2003/ner/) and its many descendants, and, with
the comments of CoNLL-U (https://universaldependencies.org/format.html), in Universal NER
(https://www.universalner.org). Columns are separated by TABs or, in a file whose first token has
none, by runs of spaces. Unless they are named, the token is in the first column, or in the second
where the first holds numbers, and the tag in the last column that holds one in the first line; that
there are others, as chunks in CoNLL-2003 or outer entities in GermEval 2014, is told (`tag-columns`).

Tags may be IOB1, IOB2, BIOES, BILOU or BMEWO. A sequence that breaks its scheme is read as conlleval
reads it, and counted (`repaired-tags`; `TagChecker` tells which tags those are).

A cell with the tags of several annotators ("B-a,B-b", as in the test part of WNUT-17) counts as the
first one's, or as that of the annotator whose number, from 1, is asked for; a cell with one tag is
everyone's. Cells on which they differ are counted (`further-annotators`). A comma that no tag follows
belongs to the label.

`-DOCSTART-` lines and `# newdoc` comments begin documents; other comments of the form `# key = value`
right above a sentence are its metadata. `# text` gives the spaces between tokens, unless the tokens
are not those of that text (`text-mismatch`). Tokens may be blank; a line without a token, outside
entities, is left out (`empty-token`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TextIO

from ..records import DataError, EntitySpan, Record
from ..sources import Source
from ..tags import TAG, TagChecker, decode_tags, encode_tags
from .base import Format, ReadOptions

_NEXT_ANNOTATOR = re.compile(r",(?=(?:O|[BIESLUMW]-[^\s,]+)(?:,|\Z))")
_SPACES = re.compile(r"[ \t]+")
_UNFIT = re.compile(r"[\t\n\r]")
_DOCSTART = "-DOCSTART-"
# Rows at the beginning that tell whether the first column holds numbers, and what a file is.
_PEEKED = 200
_REMEDY = "Tags are O, or B-LABEL, I-LABEL and so on"
_ENDINGS = (".conll", ".iob2", ".iob", ".bio", ".conllu", ".conllup", ".conll03", ".bmes", ".bioes")

Numbered = tuple[int, str]


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Yield the sentences of a file as Records with `words`.

    Raises DataError for a line with too few columns for the file, for a tag that is none, for an
    entity without a token, and for a column or an annotator that there is not.
    """
    return _Reader(source, options).records()


class _Reader:
    def __init__(self, source: Source, options: ReadOptions) -> None:
        self.source = source
        self.options = options
        self.stem = source.stem
        self.checker = TagChecker()
        # Tags by their cells, without those of several annotators.
        self.tag_of: dict[str, str] = {}
        self.tabs = False
        self.width = self.token = self.tag = 0
        self.number = self.documents = 0
        self.document = ""

    def records(self) -> Iterator[Record]:
        tokens: list[str] = []
        tags: list[str] = []
        meta: dict[str, str] = {}
        lines: list[int] = []
        all_lines = self.source.lines()
        peeked = self._peek(all_lines)
        tabs, width, token_column, tag_column = self.tabs, self.width, self.token, self.tag
        tag_of = self.tag_of
        for number, line in chain(peeked, all_lines):
            # A token may look blank (a lone no-break space), but then its tag follows.
            if not line or line.isspace() or (line[0] == "-" and _is_docstart(line)):
                if any(tokens):
                    yield self._record(tokens, tags, lines, meta)
                tokens, tags, lines, meta = [], [], [], {}
                if line.startswith(_DOCSTART):
                    self._begin_document("")
                continue
            cells = line.split("\t") if tabs else _split_at_spaces(line)
            if line[0] == "#" and not tokens and self._is_comment(line, cells, meta):
                continue
            if len(cells) != width and (len(cells) < width or not tabs):
                raise self._ragged(line, cells, number)
            cell = cells[tag_column]
            tag = tag_of.get(cell) or self._read_cell(cell, number)
            token = cells[token_column]
            if not token:
                self._check_empty(tag, number)
            tokens.append(token)
            tags.append(tag)
            lines.append(number)
        if any(tokens):
            yield self._record(tokens, tags, lines, meta)

    def _peek(self, lines: Iterator[Numbered]) -> list[Numbered]:
        """Take lines until there are enough to know the columns."""
        peeked, rows, hashes = [], [], []
        for number, line in lines:
            peeked.append((number, line))
            if not line.strip() or _is_docstart(line):
                continue
            if line[0] != "#":
                rows.append((number, line))
                if len(rows) == _PEEKED:
                    break
            elif "\t" in line or _comment(line) is None:
                hashes.append((number, line))
        # Only if there is nothing else need a line with # hold a token.
        if rows or hashes:
            self._find_columns(rows or hashes[:1])
        return peeked

    def _find_columns(self, rows: list[Numbered]) -> None:
        number, line = rows[0]
        self.tabs = "\t" in line
        split = _split_at_tabs if self.tabs else _split_at_spaces
        cells = split(line)
        self.width = len(cells)
        place = self.source.place(number)
        wanted = self.options.tag_column, self.options.token_column
        for column in wanted:
            if column is not None and not 1 <= abs(column) <= len(cells):
                raise DataError(
                    place,
                    f"there is no column {column}: {line[:80]!r} has {len(cells)}",
                    "Columns are counted from 1, or from -1 backwards",
                )
        tag, token = (
            column if column is None else (column - 1 if column > 0 else column) % len(cells)
            for column in wanted
        )
        if tag is None:
            tagged = [i for i, cell in enumerate(cells) if i and _is_cell(cell.strip())]
            if not tagged:
                raise DataError(place, f"no column of {line[:80]!r} holds a tag", _REMEDY)
            tag = tagged[-1]
            if len(tagged) > 1:
                columns = " and ".join(str(i + 1) for i in tagged)
                detail = (
                    f"columns {columns} of {line[:80]!r} hold tags; those of {tag + 1} are read"
                )
                self.source.note("tag-columns", number, detail)
        if token is None:
            numbers = sum(split(line)[0].isdigit() for _, line in rows)
            token = 1 if tag > 1 and numbers > len(rows) / 2 else 0
        self.token, self.tag = token, tag

    def _is_comment(self, line: str, cells: list[str], meta: dict[str, str]) -> bool:
        """Whether a line with # is no token, which would have a tag; takes up what it says."""
        if len(cells) > self.tag and _is_cell(cells[self.tag].strip()):
            return False
        comment = _comment(line)
        if comment is None:
            # A remark, unless it could be a token with a column wrong or missing.
            could_be_token = len(cells) == self.width or any(map(_is_cell, cells))
            return line[1:2] in ("", " ", "\t") and not could_be_token
        key, value = comment
        if key in ("newdoc", "newdoc id"):
            self._begin_document(value.strip())
        else:
            meta["id" if key == "sent_id" else key] = value if key == "text" else value.strip()
        return True

    def _begin_document(self, name: str) -> None:
        self.documents += 1
        self.document = name or f"{self.stem}-d{self.documents}"

    def _ragged(self, line: str, cells: list[str], number: int) -> DataError:
        expected = "a token and a tag" if len(cells) < 2 else f"{self.width} columns"
        return DataError(
            self.source.place(number),
            f"expected {expected}, got {line[:80]!r}",
            "Each line needs as many columns as the first; a blank line ends a sentence",
        )

    def _read_cell(self, cell: str, number: int) -> str:
        tags = cell.strip()
        if not _is_cell(tags):
            raise DataError(self.source.place(number), f"{cell!r} is no tag", _REMEDY)
        several = _NEXT_ANNOTATOR.split(tags)
        if len(several) == 1:
            self.tag_of[cell] = tags
            return tags
        if len(set(several)) > 1:
            self.source.note(
                "further-annotators", number, f"annotators disagree: {tags!r}; one was taken"
            )
        chosen = self.options.annotator or "1"
        if not chosen.isdecimal() or not 1 <= int(chosen) <= len(several):
            raise DataError(
                self.source.place(number),
                f"no annotator {chosen!r} in {tags!r}",
                f"Name one by number, from 1 to {len(several)}",
            )
        return several[int(chosen) - 1]

    def _check_empty(self, tag: str, number: int) -> None:
        """A token without any character is what no Doc can have."""
        if tag != "O":
            raise DataError(
                self.source.place(number), f"no token before the tag {tag!r}", "Fill it in"
            )
        self.source.note("empty-token", number, "a line without a token, left out")

    def _record(
        self, tokens: list[str], tags: list[str], lines: list[int], meta: dict[str, str]
    ) -> Record:
        self.number += 1
        meta = {"id": f"{self.stem}-{self.number}", **meta}
        if self.document:
            meta["document"] = self.document
        text = meta.pop("text", None)
        words = None if text is None else _find(tokens, text)
        spaces_known = words is not None
        if text is not None and words is not None:
            text, words = _trimmed(text, words)
        else:
            if text is not None:
                detail = f"the tokens are not those of # text = {text[:60]!r}"
                self.source.note("text-mismatch", lines[0], detail)
            text, words = " ".join(filter(None, tokens)), _joined(tokens)
        spans = []
        if any(tag != "O" for tag in tags):
            spans = [
                EntitySpan(words[start][0], words[end - 1][1], label)
                for start, end, label in decode_tags(tags)
            ]
            for i in self.checker.broken(tags):
                detail = f"{tags[i]!r} of {tokens[i]!r} follows or leads to no tag that it may"
                self.source.note("repaired-tags", lines[i], detail)
        if "" in tokens:
            words = [word for word, token in zip(words, tokens) if token]
            lines = [line for line, token in zip(lines, tokens) if token]
        return Record(
            text,
            spans,
            self.source.place(lines[0]),
            words=words,
            spaces_known=spaces_known,
            lines=lines,
            meta=meta,
        )


def _is_docstart(line: str) -> bool:
    return line.startswith(_DOCSTART)


def _comment(line: str) -> tuple[str, str] | None:
    """Key and value of `# key = value`, without which only `# newdoc` can do."""
    key, equals, value = line[2:].partition("=")
    key = " ".join(key.split())
    if not line.startswith("# ") or not key or not (equals or key == "newdoc"):
        return None
    return key, value.removeprefix(" ")


def _split_at_tabs(line: str) -> list[str]:
    return line.split("\t")


def _split_at_spaces(line: str) -> list[str]:
    # Other space, as a no-break space, may be part of a token.
    return line.split() if line.isascii() else [cell for cell in _SPACES.split(line) if cell]


def _is_cell(cell: str) -> bool:
    return all(TAG.match(tag) for tag in _NEXT_ANNOTATOR.split(cell))


def _joined(tokens: list[str]) -> list[tuple[int, int]]:
    words = []
    offset = 0
    for token in tokens:
        end = offset + len(token)
        words.append((offset, end))
        offset = end + 1 if token else end
    return words


def _find(tokens: list[str], text: str) -> list[tuple[int, int]] | None:
    """Where the tokens stand in the text, if nothing but whitespace is between them."""
    words: list[tuple[int, int]] = []
    end = 0
    for token in tokens:
        # As in spaCy, a token of space begins behind the space that ends the token before.
        if words and token.isspace() and text.startswith(" " + token, end):
            start = end + 1
        else:
            start = text.find(token, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(token)
        words.append((start, end))
    return words if not text[end:].strip() else None


def _trimmed(text: str, words: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """The text from its first to its last word, and the words in that."""
    first, last = words[0][0], words[-1][1]
    if first:
        words = [(start - first, end - first) for start, end in words]
    return text[first:last], words


def write(records: Iterable[Record], file: TextIO) -> None:
    """Write token and IOB2 tag, with `# newdoc`, `# sent_id` and, where spaces are known, `# text`.

    A sentence is as in `Record.sentence_starts`, but none ends inside an entity. What reading gives
    back has the same words and spans, but no words of line breaks or TABs alone, which are left out.
    Raises DataError for other words with a line break or TAB in them, for a span of nothing but
    those, and for labels that a cell cannot hold.
    """
    document: str | None = None
    for record in records:
        words = _fitting_words(record)
        tags = _tags(record, words)
        begins = {bisect_left(words, record.words[i]) for i in record.sentence_starts or ()}  # type: ignore[index]
        cuts = sorted(i for i in begins if 0 < i < len(words) and tags[i][0] != "I")
        name = record.meta.get("document")
        if name is not None and name != document:
            file.write(f"# newdoc id = {_one_line(name)}\n")
        elif name is None and (cuts or document is not None):
            # A document by itself, which is no part of the one before.
            file.write(f"# newdoc id = {_one_line(record.meta.get('id', ''))}\n")
            name = ""
        document = name
        for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(words)]), start=1):
            if begin < end:
                suffix = f"-s{number}" if cuts else ""
                _write_sentence(record, words[begin:end], tags[begin:end], suffix, file)


def _fitting_words(record: Record) -> list[tuple[int, int]]:
    """The words without line breaks and TABs, which are tokens for spaCy, but not here."""
    words = []
    for start, end in record.words or []:
        token = record.text[start:end]
        if not _UNFIT.search(token):
            words.append((start, end))
        elif not token.isspace():
            raise _cannot_hold(record, f"the token {token!r}")
    return words


def _tags(record: Record, words: list[tuple[int, int]]) -> list[str]:
    spans = []
    for span in record.spans:
        cell = f"B-{span.label}"
        if not TAG.match(cell) or _NEXT_ANNOTATOR.search(cell):
            raise DataError(
                record.place,
                f"the label {span.label!r} in document {record.meta.get('id')!r} does not fit in a tag",
                "Rename it with --map",
            )
        first = bisect_left(words, span.start, key=lambda word: word[0])
        last = bisect_right(words, span.end, key=lambda word: word[1])
        if first >= last:
            raise _cannot_hold(record, f"the entity {record.text[span.start : span.end]!r}")
        spans.append((first, last, span.label))
    return encode_tags(spans, len(words))


def _cannot_hold(record: Record, what: str) -> DataError:
    return DataError(
        record.place,
        f"{what} in document {record.meta.get('id')!r} does not fit on a line",
        "Write Prodigy or doccano JSONL, which take any text",
    )


def _write_sentence(
    record: Record, words: list[tuple[int, int]], tags: list[str], suffix: str, file: TextIO
) -> None:
    if (name := record.meta.get("id")) is not None:
        file.write(f"# sent_id = {_one_line(name)}{suffix}\n")
    tokens = [record.text[start:end] for start, end in words]
    text, words = _trimmed(record.text, words)
    # The words are found again, unless space between them could be words of space, or the reverse.
    fits = "\n" not in text and "\r" not in text and _find(tokens, text) == words
    if record.spaces_known and fits:
        file.write(f"# text = {text}\n")
    file.writelines(f"{token}\t{tag}\n" for token, tag in zip(tokens, tags))
    file.write("\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def matches(head: str, source: Source) -> bool:
    """Whether a further column has a tag in each of the first lines that hold tokens.

    A single line without a TAB may be anything; there, and where there is none, the ending tells.
    """
    rows = 0
    width = 0
    tagged: set[int] = set()
    for line in head.split("\n")[:-1] or [head]:
        line = line.rstrip("\r")
        if not line.strip() or line.startswith((_DOCSTART, "# ")):
            continue
        tabs = "\t" in line
        cells = line.split("\t") if tabs else _split_at_spaces(line)
        of_line = {i for i, cell in enumerate(cells) if i and _is_cell(cell.strip())}
        tagged = tagged & of_line if rows else of_line
        if not tagged or (rows and not tabs and len(cells) != width):
            return source.ending in _ENDINGS
        rows, width = rows + 1, len(cells)
        if rows == _PEEKED:
            break
    return rows > 1 or (rows == 1 and tabs) or source.ending in _ENDINGS


FORMAT = Format("conll", "CoNLL columns", _ENDINGS, read, matches, write)
