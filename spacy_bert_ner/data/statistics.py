"""Counts that describe a corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy.tokens import Doc


@dataclass
class SplitStatistics:
    """Counts over the Docs of one split. Words are tokens that are not whitespace."""

    documents: int = 0
    words: int = 0
    entities: int = 0
    longest: int = 0
    mentions: Counter[str] = field(default_factory=Counter)
    forms: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, docs: Iterable[Doc]) -> SplitStatistics:
        counts = cls()
        for doc in docs:
            words = sum(not token.is_space for token in doc)
            counts.documents += 1
            counts.words += words
            counts.longest = max(counts.longest, words)
            counts.entities += len(doc.ents)
            for ent in doc.ents:
                counts.mentions[ent.label_] += 1
                counts.forms.setdefault(ent.label_, set()).add(ent.text)
        return counts

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        data["mentions"] = dict(sorted(self.mentions.items()))
        data["forms"] = {label: len(forms) for label, forms in sorted(self.forms.items())}
        return data
