"""Checks of a corpus, as `spacy bert-ner inspect` runs them."""

from __future__ import annotations

from collections.abc import Callable

from spacy.tokens import Doc

from .base import Check, Seen
from .edges import Edges
from .forms import AmbiguousForms, ProbableMisses
from .label_sets import RareLabels, SimilarLabels, UnseenLabels
from .leakage import Leakage
from .texts import Damage, LongDocuments

__all__ = ["Check", "Seen", "all_checks"]


def all_checks(length: Callable[[Doc], int] | None = None, window: int = 0) -> list[Check]:
    """A new instance of each check, those that matter most first.

    length: gives the length of a Doc in an encoder's word pieces, of which `window` fit at a time.
    """
    return [
        Leakage(),
        UnseenLabels(),
        SimilarLabels(),
        RareLabels(),
        ProbableMisses(),
        AmbiguousForms(),
        Edges(),
        Damage(),
        LongDocuments(length, window),
    ]
