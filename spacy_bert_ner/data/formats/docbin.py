"""spaCy's DocBin: entities of `doc.ents`, words, spaces and sentence starts.

Documented at https://spacy.io/api/docbin. A folder `x.spacy` with shards 0001.spacy, 0002.spacy ... is
one source, of which one shard is in memory at a time. Lines in messages count Docs. Docs without a
token are passed over.

Annotation of other kinds is not carried over. Where that leaves something behind, it is counted:
span groups, which may be what was meant as entities (`only-span-groups`, or `span-groups` beside
entities); ids of entities (`entity-ids`); and user data that is not text or number (`user-data`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..records import DataError, EntitySpan, Place, Record
from ..sources import Source
from .base import Format, ReadOptions

# What the loading of bytes raises that are none or not all of a DocBin's.
_NO_DOCBIN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    zlib.error,
)
# The first two bytes of what zlib compresses, the second of which is not UTF-8.
_ZLIB = "x\ufffd"


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    number = 0
    for shard in _shards(source):
        with shard.open() as file:
            raw = file.read()
        try:
            # A vocabulary for each shard, so that strings do not gather.
            for doc in DocBin().from_bytes(raw).get_docs(Vocab()):
                number += 1
                if len(doc):
                    yield _record(doc, source, number)
        except _NO_DOCBIN as error:
            raise DataError(
                shard.name,
                f"not a DocBin, or a damaged one ({type(error).__name__})",
                "Write it with spaCy's DocBin.to_disk; JSON of spaCy 2 is converted by 'spacy convert'",
            ) from error


def _shards(source: Source) -> list[Source]:
    if not source.path.is_dir():
        return [source]
    paths = sorted(source.path.rglob("*.spacy"))
    if not paths:
        raise DataError(source.name, "a folder for shards of a DocBin with no .spacy file in it")
    return [
        Source(path, str(Path(source.name, path.relative_to(source.path))), advance=source.advance)
        for path in paths
    ]


def _record(doc: Doc, source: Source, number: int) -> Record:
    _note_losses(doc, source, number)
    starts = [token.i for token in doc if token.is_sent_start]
    return Record(
        doc.text,
        [EntitySpan(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents],
        _origin(doc) or source.place(number),
        words=[(token.idx, token.idx + len(token)) for token in doc],
        spaces_known=not doc.has_unknown_spaces,
        sentence_starts=starts if doc.has_annotation("SENT_START") else None,
        missing=[(token.idx, token.idx + len(token)) for token in doc if not token.ent_iob],
        meta={"id": f"{source.stem}-{number}", **_meta(doc)},
    )


def _origin(doc: Doc) -> Place | None:
    """Where an earlier conversion found the text."""
    origin = doc.user_data.get("source")
    return Place.parse(origin) if isinstance(origin, str) and origin else None


def _meta(doc: Doc) -> dict[str, str]:
    return {
        key: str(value)
        for key, value in doc.user_data.items()
        if isinstance(key, str) and isinstance(value, str | int | float) and key != "source"
    }


def _note_losses(doc: Doc, source: Source, number: int) -> None:
    groups = {key: len(group) for key, group in doc.spans.items() if len(group)}
    if groups:
        counts = ", ".join(f"{count} under {key!r}" for key, count in groups.items())
        check = "span-groups" if doc.ents else "only-span-groups"
        source.note(check, number, f"spans in doc.spans, which are not read: {counts}")
    for ent in doc.ents:
        if identity := ent.kb_id_ or ent.id_:
            source.note("entity-ids", number, f"the id {identity!r} of {ent.text!r} is left out")
    others = [
        ".".join(str(part) for part in key if part is not None) if isinstance(key, tuple) else key
        for key, value in doc.user_data.items()
        if value is not None and not (isinstance(key, str) and isinstance(value, str | int | float))
    ]
    if others:
        source.note("user-data", number, f"left out: {', '.join(map(str, others))}")


def matches(head: str, source: Source) -> bool:
    return source.ending == ".spacy" or head.startswith(_ZLIB)


FORMAT = Format("docbin", "DocBin", (".spacy",), read, matches)
