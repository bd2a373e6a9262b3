"""Texts that are in more than one split."""

from __future__ import annotations

from ..duplicates import near_duplicates, signature
from ..findings import Findings
from ..records import Place
from .base import Check, Seen

_SHOWN = 60


class Leakage(Check):
    name = "leakage"
    title = "Documents of dev or test that train has too, exactly or nearly"
    advice = (
        "They make scores look better than they are. 'spacy bert-ner split' keeps them together."
    )

    def __init__(self) -> None:
        self.signatures: list[bytes] = []
        self.seen: list[tuple[str, Place, str]] = []

    def see(self, seen: Seen) -> None:
        self.signatures.append(signature(seen.doc.text))
        start = " ".join(seen.doc.text[: 2 * _SHOWN].split())[:_SHOWN]
        self.seen.append((seen.split, seen.place, start))

    def conclude(self, findings: Findings) -> None:
        for members in near_duplicates(self.signatures):
            first_of: dict[str, int] = {}
            for i in members:
                first_of.setdefault(self.seen[i][0], i)
            # The split that comes first is the one to learn from.
            origin = next(iter(first_of))
            for i in members:
                split, place, start = self.seen[i]
                if split != origin:
                    other = self.seen[first_of[origin]][1]
                    findings.add(self.name, place, f"{start!r} is in {origin} as well, at {other}")
