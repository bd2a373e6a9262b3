"""Labels that look alike, are rare, or are missing where they can be learned."""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from itertools import combinations, takewhile

from ..findings import Findings
from ..records import Place
from .base import Check, Seen

_ALIKE = 0.85
_PART = re.compile(r"[^\W_]+")
_NOT_DIGIT = re.compile(r"\D")
# What a label needs to be learned at all, and to be measured at all.
ENOUGH = 20


class _CountsLabels(Check):
    def __init__(self) -> None:
        self.mentions: dict[str, Counter[str]] = defaultdict(Counter)
        self.first: dict[tuple[str, str], tuple[Place, str]] = {}

    def see(self, seen: Seen) -> None:
        # Looked up even for a Doc without entities: train may have none at all.
        mentions = self.mentions[seen.split]
        for ent in seen.doc.ents:
            mentions[ent.label_] += 1
            self.first.setdefault((seen.split, ent.label_), (seen.place, ent.text))

    def add(self, findings: Findings, split: str, label: str, detail: str) -> None:
        place, text = self.first[split, label]
        findings.add(self.name, place, f"{detail}; first {text!r}")

    def anywhere(self, label: str) -> str:
        """A split that has the label."""
        return next(split for split, counts in self.mentions.items() if counts[label])


class SimilarLabels(_CountsLabels):
    name = "similar-labels"
    title = "Labels that differ by case or spelling"
    advice = "If they mean the same, make them one: convert with --map OLD=NEW."

    def conclude(self, findings: Findings) -> None:
        totals = sum(self.mentions.values(), Counter())
        for one, other in combinations(sorted(totals), 2):
            if _alike(one, other):
                rarer, common = sorted((one, other), key=lambda label: (totals[label], label))
                self.add(
                    findings,
                    self.anywhere(rarer),
                    rarer,
                    f"{rarer!r} ({_mentions(totals[rarer])}) beside {common!r} ({totals[common]})",
                )


def _mentions(count: int) -> str:
    return "1 mention" if count == 1 else f"{count} mentions"


def _alike(one: str, other: str) -> bool:
    parts = [_PART.findall(label.lower()) for label in (one, other)]
    short, long = sorted(("".join(words) for words in parts), key=len)
    # Labels that differ by a number (LEVEL_1, LEVEL_2) do so on purpose.
    if not short or _NOT_DIGIT.sub("", short) != _NOT_DIGIT.sub("", long):
        return False
    if short == long or (len(short) >= 3 and long.startswith(short)):
        return True
    # Subtypes share their type: only what follows it tells whether they are spelt alike.
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*parts)))
    short, long = sorted(("".join(words[shared:]) for words in parts), key=len)
    return len(short) >= 5 and difflib.SequenceMatcher(None, short, long).ratio() >= _ALIKE


class RareLabels(_CountsLabels):
    name = "rare-label"
    title = f"Labels with fewer than {ENOUGH} mentions to learn from"
    advice = "Annotate more of them, merge them with another label, or leave them out with --drop."

    def conclude(self, findings: Findings) -> None:
        # A corpus of one file is what there is to learn from.
        split = "train" if "train" in self.mentions else next(iter(self.mentions), "")
        for label, count in sorted(self.mentions[split].items()):
            if count < ENOUGH:
                self.add(findings, split, label, f"{label} has {_mentions(count)} in {split}")


class UnseenLabels(_CountsLabels):
    name = "unseen-label"
    title = "Labels in dev or test that train never has"
    advice = "They cannot be learned, and every mention counts as missed. Split anew, or drop them."

    def conclude(self, findings: Findings) -> None:
        if "train" not in self.mentions:
            return
        for split, counts in self.mentions.items():
            for label in sorted(counts.keys() - self.mentions["train"].keys()):
                self.add(
                    findings, split, label, f"{label} has {_mentions(counts[label])} in {split}"
                )
