"""From Records to spaCy Docs."""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc, Span

from .records import DataError, Record


def make_doc(record: Record, nlp: Language) -> Doc:
    """The Doc of a Record, with `ents` and with the Record's metadata in `user_data`.

    Tokens are the Record's words, or those of the pipeline's tokenizer where it has none.
    Raises DataError for spans that overlap or that cut a token.
    """
    if record.words is None:
        doc = nlp.make_doc(record.text)
    else:
        words = [record.text[start:end] for start, end in record.words]
        starts = [start for start, _ in record.words[1:]]
        spaces = [after > end for (_, end), after in zip(record.words, [*starts, len(record.text)])]
        doc = Doc(nlp.vocab, words=words, spaces=spaces)
    ents: list[Span] = []
    for span in record.spans:
        ent = doc.char_span(span.start, span.end, label=span.label)
        surface = record.text[span.start : span.end]
        if ent is None:
            around = doc.char_span(span.start, span.end, alignment_mode="expand")
            tokens = [token.text for token in around] if around is not None else []
            raise DataError(
                record.place_of(span),
                f"{surface!r} ({span.label}) in document {record.meta.get('id', '?')!r} is not a "
                f"whole number of tokens; spaCy's tokens there are {tokens}",
                "Widen the label to whole tokens, or remove it",
            )
        if ents and ent.start < ents[-1].end:
            raise DataError(
                record.place_of(span),
                f"{surface!r} ({span.label}) overlaps {ents[-1].text!r} ({ents[-1].label_})",
                "Named entities cannot overlap; keep the outermost",
            )
        ents.append(ent)
    doc.set_ents(ents)
    doc.user_data.update(record.meta)
    return doc
