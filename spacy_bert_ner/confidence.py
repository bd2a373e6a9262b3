"""How an entity's confidence is kept on a Doc, and found again: `ent._.confidence`.

The entities stand in a SpanGroup, `doc.spans["bert_ner"]` unless the component's `spans_key` says
otherwise, with one probability each in `attrs["scores"]`, as spaCy's `spancat` has it. A group goes
wherever its Doc goes: `to_bytes`, `DocBin`, `nlp.pipe(n_process=2)`. To read it where no `bert_ner`
component was loaded, import this module first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, SpanGroup

_SOURCE = "bert_ner"


def write_scores(
    doc: Doc,
    key: str,
    ents: Sequence[Span],
    scores: NDArray[np.float32],
    best_labels: list[list[tuple[str, float]]] | None,
) -> None:
    """Put entities with their probabilities into `doc.spans[key]`.

    ents: in the order of the text. scores: (ents,). best_labels: for each entity, the likeliest
    labels of its span with their probabilities, best first.
    """
    attrs: dict[str, Any] = {"source": _SOURCE, "scores": scores}
    if best_labels is not None:
        attrs["best_labels"] = best_labels
    doc.spans[key] = SpanGroup(doc, name=key, attrs=attrs, spans=list(ents))


def confidence(ent: Span) -> float | None:
    """The probability that exactly this span is an entity of this label; None if none is kept."""
    for group, i in _entries(ent):
        return float(group.attrs["scores"][i])
    return None


def best_labels(ent: Span) -> list[tuple[str, float]] | None:
    """The likeliest labels of the entity's span, with probabilities; None if none are kept."""
    for group, i in _entries(ent):
        if "best_labels" in group.attrs:
            return [(label, score) for label, score in group.attrs["best_labels"][i]]
    return None


def _entries(ent: Span) -> Iterator[tuple[SpanGroup, int]]:
    """Where the entity stands in each group that a `bert_ner` component has written."""
    wanted = (ent.start, ent.end, ent.label)
    for group in ent.doc.spans.values():
        if group.attrs.get("source") == _SOURCE:
            # In the order of the text, as written; entities do not overlap.
            i = bisect_left(group, ent.start, key=lambda span: span.start)
            if i < len(group) and (group[i].start, group[i].end, group[i].label) == wanted:
                yield group, i


def register() -> None:
    """Define `span._.confidence` and `span._.best_labels`, unless something else has."""
    for name, getter in (("confidence", confidence), ("best_labels", best_labels)):
        if not Span.has_extension(name):
            Span.set_extension(name, getter=getter)


register()
