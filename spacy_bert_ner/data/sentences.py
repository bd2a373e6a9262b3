"""Sentences of one document, joined to one Record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from .records import EntitySpan, Record


def join_sentences(records: Iterable[Record]) -> Iterator[Record]:
    """Join Records with words that follow each other and have the same `meta["document"]`, if any.

    The document has the sentences' words and text with a space between sentences, and their
    starts in `sentence_starts`; its id is that of the document.
    """
    for document, members in groupby(records, key=_document_of):
        if document is None:
            yield from members
        else:
            yield _join(list(members), document)


def _document_of(record: Record) -> str | None:
    return None if record.words is None else record.meta.get("document")


def _join(sentences: list[Record], document: str) -> Record:
    words: list[tuple[int, int]] = []
    spans: list[EntitySpan] = []
    missing: list[tuple[int, int]] = []
    starts: list[int] = []
    lines: list[int] = []
    offset = 0
    for sentence in sentences:

        def moved(stretches: Iterable[tuple[int, int]], by: int = offset) -> list[tuple[int, int]]:
            return [(start + by, end + by) for start, end in stretches]

        of_sentence = sentence.words or []
        starts.extend(len(words) + start for start in sentence.sentence_starts or [0])
        words.extend(moved(of_sentence))
        missing.extend(moved(sentence.missing))
        lines.extend(sentence.lines or [sentence.place.line] * len(of_sentence))
        spans.extend(
            replace(
                span,
                start=span.start + offset,
                end=span.end + offset,
                fragments=tuple(moved(span.fragments)),
            )
            for span in sentence.spans
        )
        offset += len(sentence.text) + 1
    first = sentences[0]
    return Record(
        " ".join(sentence.text for sentence in sentences),
        spans,
        first.place,
        words=words,
        spaces_known=all(sentence.spaces_known for sentence in sentences),
        lines=lines,
        sentence_starts=starts,
        missing=missing,
        meta={**first.meta, "id": document},
    )
