"""Counts that describe a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spacy.tokens import Doc


def count_words(doc: Doc) -> int:
    """Tokens that are not whitespace, told by their text: the vocabulary may lack attributes."""
    return sum(not token.text.isspace() for token in doc)


@dataclass
class SplitStatistics:
    """Counts over the Docs of one split. Words are tokens that are not whitespace.

    longest: words of the longest document. mentions: entities of each label. forms: of each label,
    how often each surface form has it. document_lengths: words. entity_lengths: tokens.
    """

    documents: int = 0
    words: int = 0
    entities: int = 0
    longest: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    forms: dict[str, Counter[str]] = field(default_factory=dict)
    document_lengths: Counter[int] = field(default_factory=Counter)
    entity_lengths: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, docs: Iterable[Doc]) -> SplitStatistics:
        counts = cls()
        for doc in docs:
            counts.add(doc)
        return counts

    def add(self, doc: Doc) -> None:
        words = count_words(doc)
        self.documents += 1
        self.words += words
        self.longest = max(self.longest, words)
        self.document_lengths[words] += 1
        self.entities += len(doc.ents)
        for ent in doc.ents:
            self.mentions[ent.label_] += 1
            self.forms.setdefault(ent.label_, Counter())[ent.text] += 1
            self.entity_lengths[len(ent)] += 1

    @property
    def density(self) -> float:
        """Entities per 100 words."""
        return 100 * self.entities / self.words if self.words else 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "entities": self.entities,
            "longest": self.longest,
            "mentions": dict(sorted(self.mentions.items())),
            "forms": {label: len(forms) for label, forms in sorted(self.forms.items())},
        }
