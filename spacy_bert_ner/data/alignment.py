"""From Records to spaCy Docs: character offsets to tokens, and what happens where they disagree."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from spacy.language import Language
from spacy.tokens import Doc, Span

from .records import EntitySpan, Record
from .rejects import Reject

POLICIES = ("strict", "contract", "expand", "retokenize")

_SPACE_OR_NOT = re.compile(r"\s+|\S+")

Boundaries = list[tuple[int, int]]


@dataclass
class Aligned:
    """A Doc, and what became of the spans of its Record.

    Each span of the Record is either among `doc.ents` or in `rejects`. Tokens of a rejected span
    that no entity covers, and those of `Record.missing`, have missing annotation (`ent_iob` 0):
    neither training nor evaluation takes them for tokens outside entities.

    snapped: spans that are in `doc.ents` with other offsets than annotated, and the new text.
    duplicates: spans that repeat another one; they share its entity.
    """

    doc: Doc
    rejects: list[Reject] = field(default_factory=list)
    snapped: list[tuple[EntitySpan, str]] = field(default_factory=list)
    duplicates: list[EntitySpan] = field(default_factory=list)


def align(record: Record, nlp: Language, policy: str = "strict") -> Aligned:
    """The Doc of a Record, with its spans as `doc.ents` and its metadata in `doc.user_data`.

    Tokens are the Record's words, or those of the pipeline's tokenizer where it has none. Of spans
    that overlap, the longest is kept, of equally long ones the first.

    policy: what happens to a span that is not a whole number of tokens. strict: it is rejected, with
        the next larger whole number of tokens as proposal; contract: it loses the tokens that it
        cuts; expand: it gains them; retokenize: tokens are split at its ends.
    """
    if not record.spans and not record.missing and record.words is None:
        return Aligned(_finish(nlp.make_doc(record.text), record))
    words, doc = _tokenize(record, nlp)
    if policy == "retokenize" and (cut := _split_words(words, record)) != words:
        words, doc = cut, None
    if doc is None:
        doc = _doc_of_words(record, words, nlp)
    aligned = Aligned(_finish(doc, record))
    if not record.spans and not record.missing:
        return aligned

    starts = [start for start, _ in words]
    ends = [end for _, end in words]
    found: list[tuple[int, int, EntitySpan]] = []
    lost = [(bisect_right(ends, start), bisect_left(starts, end)) for start, end in record.missing]

    def reject(
        span: EntitySpan, reason: str, tokens: tuple[int, int] | None, propose: bool
    ) -> None:
        proposal = None
        if tokens is not None:
            lost.append(tokens)
            proposal = (starts[tokens[0]], ends[tokens[1] - 1]) if propose else None
        aligned.rejects.append(Reject.of(record, span, reason, proposal))

    for span in record.spans:
        reason = _unusable(span, record.text)
        if reason:
            hull = _enclosing(span, record.text, starts, ends) if span.fragments else None
            reject(span, reason, hull, propose=True)
            continue
        tokens = _exactly(span, starts, ends)
        if tokens is None or _has_space_edge(tokens, words, record.text):
            around = _enclosing(span, record.text, starts, ends)
            within = _within(span, record.text, starts, ends)
            tokens = {"strict": None, "contract": within}.get(policy, around)
            if tokens is None:
                reason = "not-whole-tokens" if within != around else "space-at-edge"
                reject(span, reason, around, propose=True)
                continue
            snapped = record.text[starts[tokens[0]] : ends[tokens[1] - 1]]
            aligned.snapped.append((span, snapped))
        found.append((*tokens, span))

    owners: dict[int, tuple[int, int, EntitySpan]] = {}
    kept: list[tuple[int, int, EntitySpan]] = []
    for first, last, span in sorted(found, key=lambda item: (item[0] - item[1], item[0])):
        rival = next((owners[i] for i in range(first, last) if i in owners), None)
        if rival is None:
            kept.append((first, last, span))
            owners.update(dict.fromkeys(range(first, last), (first, last, span)))
        elif rival[:2] == (first, last) and rival[2].label == span.label:
            aligned.duplicates.append(span)
        else:
            nested = rival[0] <= first and last <= rival[1]
            reject(span, "nested" if nested else "overlaps", (first, last), propose=False)
    lost_tokens = {i for first, last in lost for i in range(first, last)} - owners.keys()
    doc.set_ents(
        [
            Span(doc, first, last, label=span.label)
            for first, last, span in sorted(kept, key=_start)
        ],
        missing=[doc[i : i + 1] for i in sorted(lost_tokens)],
        default="outside",
    )
    return aligned


def _start(item: tuple[int, int, EntitySpan]) -> int:
    return item[0]


def _finish(doc: Doc, record: Record) -> Doc:
    # All tokens are annotated as being outside; spans come later.
    doc.set_ents([], default="outside")
    doc.user_data.update(record.meta)
    doc.user_data["source"] = str(record.place)
    return doc


def _tokenize(record: Record, nlp: Language) -> tuple[Boundaries, Doc | None]:
    if record.words is not None:
        if not record.spaces_known:
            return record.words, None
        return complete_words(record.text, record.words), None
    doc = nlp.make_doc(record.text)
    return [(token.idx, token.idx + len(token)) for token in doc], doc


def complete_words(text: str, words: Boundaries) -> Boundaries:
    """The words, and further ones for whatever else than single spaces lies between them.

    Text of a Doc is its words, each followed by at most one space, so what a tokenization leaves
    out must become words too.
    """
    complete: Boundaries = []
    done = 0
    for start, end in [*words, (len(text), len(text))]:
        gap = start - done
        if gap > 1 or (gap == 1 and (text[done] != " " or not complete)):
            after_space = done + 1 if text[done] == " " and complete else done
            gaps = _SPACE_OR_NOT.finditer(text, after_space, start)
            complete.extend(match.span() for match in gaps)
        if end > start:
            complete.append((start, end))
        done = end
    return complete


def _doc_of_words(record: Record, words: Boundaries, nlp: Language) -> Doc:
    text = record.text
    spaces = None
    if record.spaces_known:
        afters = [start for start, _ in words[1:]] + [len(text)]
        spaces = [after > end for (_, end), after in zip(words, afters)]
    sent_starts: list[bool | int | None] | None = None
    if record.sentence_starts and record.words is not None:
        opening = {record.words[i][0] for i in record.sentence_starts}
        sent_starts = [i == 0 or start in opening for i, (start, _) in enumerate(words)]
    return Doc(
        nlp.vocab,
        words=[text[start:end] for start, end in words],
        spaces=spaces,
        sent_starts=sent_starts,
    )


def _split_words(words: Boundaries, record: Record) -> Boundaries:
    """Words split wherever a usable span begins or ends."""
    text = record.text
    cuts = sorted(
        {cut for span in record.spans if not _unusable(span, text) for cut in _trimmed(span, text)}
    )
    out: Boundaries = []
    for start, end in words:
        inner = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
        edges = [start, *inner, end]
        out.extend(pairwise(edges))
    return out


def _unusable(span: EntitySpan, text: str) -> str:
    """Why no policy can make an entity of a span, or ""."""
    if not 0 <= span.start <= span.end <= len(text):
        return "outside-text"
    if span.start == span.end:
        return "empty"
    if text[span.start : span.end].isspace():
        return "only-space"
    return "discontinuous" if span.fragments else ""


def _trimmed(span: EntitySpan, text: str) -> tuple[int, int]:
    inside = text[span.start : span.end]
    return (
        span.start + len(inside) - len(inside.lstrip()),
        span.end - len(inside) + len(inside.rstrip()),
    )


def _exactly(span: EntitySpan, starts: list[int], ends: list[int]) -> tuple[int, int] | None:
    first = bisect_left(starts, span.start)
    last = bisect_left(ends, span.end)
    if starts[first : first + 1] == [span.start] and ends[last : last + 1] == [span.end]:
        return first, last + 1
    return None


def _has_space_edge(tokens: tuple[int, int], words: Boundaries, text: str) -> bool:
    edges: Iterable[tuple[int, int]] = (words[tokens[0]], words[tokens[1] - 1])
    return any(text[start:end].isspace() for start, end in edges)


def _enclosing(
    span: EntitySpan, text: str, starts: list[int], ends: list[int]
) -> tuple[int, int] | None:
    """The smallest whole number of tokens that holds the span, without the space at its edges."""
    start, end = _trimmed(span, text)
    first = bisect_right(ends, start)
    last = bisect_left(starts, end)
    return (first, last) if first < last else None


def _within(
    span: EntitySpan, text: str, starts: list[int], ends: list[int]
) -> tuple[int, int] | None:
    """The largest whole number of tokens inside the span, without the space at its edges."""
    start, end = _trimmed(span, text)
    first = bisect_left(starts, start)
    last = bisect_right(ends, end)
    while first < last and text[starts[first] : ends[first]].isspace():
        first += 1
    while first < last and text[starts[last - 1] : ends[last - 1]].isspace():
        last -= 1
    return (first, last) if first < last else None
