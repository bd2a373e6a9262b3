"""Surface forms that are not labelled alike everywhere."""

from __future__ import annotations

from collections import Counter, defaultdict

from spacy.attrs import ORTH
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from spacy.vocab import Vocab

from ..findings import Findings
from ..records import Place
from .base import Check, Seen

# A form is taken for a name if it is labelled so often, and in so large a share of its occurrences.
_OFTEN = 2
_MOSTLY = 0.7
# A form's other label is taken for a slip if it has at most this share of its mentions.
_SELDOM = 0.25


class AmbiguousForms(Check):
    name = "ambiguous-form"
    title = "Forms that have one label nearly always, and another now and then"
    advice = (
        "Names can be ambiguous (Washington), but a label that a form has once in many mentions is "
        "often a mistake."
    )

    def __init__(self) -> None:
        self.labels: dict[str, Counter[str]] = defaultdict(Counter)

    def see(self, seen: Seen) -> None:
        for ent in seen.doc.ents:
            self.labels[ent.text][ent.label_] += 1

    def see_again(self, seen: Seen, findings: Findings) -> None:
        for ent in seen.doc.ents:
            counts = self.labels[ent.text]
            if len(counts) > 1 and counts[ent.label_] <= _SELDOM * counts.total():
                listed = ", ".join(f"{label} {n}" for label, n in counts.most_common())
                findings.add(
                    self.name, seen.place, f"{ent.text!r} is {ent.label_} here; in all {listed}"
                )


class ProbableMisses(Check):
    """Forms are compared as they are written; single words in lower case are left out, as common
    words are among them. Of each form no more mentions are kept than make it a common word."""

    name = "probable-miss"
    title = "Unlabelled mentions of names that are labelled elsewhere"
    advice = "Look at each: a forgotten label teaches the model that the name is none."

    def __init__(self) -> None:
        self.labels: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self.bare: dict[tuple[str, ...], list[tuple[Place, str]]] = defaultdict(list)
        self._matcher: PhraseMatcher | None = None
        self._vocab = Vocab()

    def see(self, seen: Seen) -> None:
        for ent in seen.doc.ents:
            if _is_distinctive(ent):
                self.labels[tuple(token.text for token in ent)][ent.label_] += 1

    def see_again(self, seen: Seen, findings: Findings) -> None:
        if self._matcher is None:
            self._matcher = PhraseMatcher(self._vocab, attr=ORTH)
            forms = [w for w, counts in self.labels.items() if counts.total() >= _OFTEN]
            self._matcher.add("form", [Doc(self._vocab, words=list(words)) for words in forms])
        # The matcher's own vocabulary, as Docs may come from any.
        doc = Doc(self._vocab, words=[token.text for token in seen.doc])
        for span in filter_spans(self._matcher(doc, as_spans=True)):
            tokens = seen.doc[span.start : span.end]
            # Inside or beside an entity, and where annotation is missing, nothing was forgotten.
            if all(token.ent_iob_ == "O" for token in tokens):
                words = tuple(token.text for token in span)
                if self._is_mostly_labelled(words):
                    around = seen.doc[max(0, span.start - 4) : span.end + 4].text
                    self.bare[words].append((seen.place, " ".join(around.split())))

    def conclude(self, findings: Findings) -> None:
        for words, places in self.bare.items():
            if not self._is_mostly_labelled(words):
                continue
            counts = self.labels[words]
            total = counts.total()
            label, _ = counts.most_common(1)[0]
            for place, around in places:
                detail = f"{' '.join(words)!r} is {label} {total} times, but not in {around!r}"
                findings.add(self.name, place, detail)

    def _is_mostly_labelled(self, words: tuple[str, ...]) -> bool:
        total = self.labels[words].total()
        return total >= _MOSTLY * (total + len(self.bare[words]))


def _is_distinctive(ent: Span) -> bool:
    """Several words, or one that is not in lower case; scripts without case have none that is."""
    text = ent.text
    if not any(map(str.isalpha, text)):
        return False
    return len(ent) > 1 or text != text.lower() or text == text.upper()
