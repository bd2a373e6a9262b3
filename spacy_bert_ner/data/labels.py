"""Renaming and choosing labels on the way in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .records import DataError, EntitySpan, Record


@dataclass
class LabelRules:
    """What happens to the labels of annotated spans, in this order.

    rename: old label → new label; others stay as they are.
    keep: only these (new) labels; None for all.
    drop: not these (new) labels.
    allowed: labels that may occur at all; any other is an error. None for any.
    allowed_in: the file that says so, for messages.
    dropped: counts of spans left out by keep and drop, by label.
    """

    rename: Mapping[str, str] = field(default_factory=dict)
    keep: Collection[str] | None = None
    drop: Collection[str] = ()
    allowed: Collection[str] | None = None
    allowed_in: str = ""
    dropped: Counter[str] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)

    def apply(self, record: Record) -> Record:
        """The record with the labels that the rules leave. Raises DataError for one not allowed."""
        spans: list[EntitySpan] = []
        for span in record.spans:
            label = self.rename.get(span.label, span.label)
            self._seen.update((span.label, label))
            if not label or label.isspace():
                raise DataError(
                    record.place_of(span),
                    f"{record.text[span.start : span.end]!r} has an empty label",
                    "Give it a label, or remove the span",
                )
            if label in self.drop or (self.keep is not None and label not in self.keep):
                self.dropped[label] += 1
                continue
            if self.allowed is not None and label not in self.allowed:
                raise DataError(
                    record.place_of(span),
                    f"the label {label!r} of {record.text[span.start : span.end]!r} is not in "
                    f"{self.allowed_in}",
                    f"Labels there: {', '.join(sorted(self.allowed))}",
                )
            spans.append(span if label == span.label else replace(span, label=label))
        return record if spans == record.spans else replace(record, spans=spans)

    def unseen(self) -> list[str]:
        """Labels that the rules name and the data never had: likely misspelt."""
        named = {*self.rename, *(self.keep or ()), *self.drop}
        return sorted(named - self._seen)


def parse_renaming(pairs: Collection[str]) -> dict[str, str]:
    """`OLD=NEW` pairs as a mapping. Raises DataError for anything else."""
    renaming: dict[str, str] = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise DataError("--map", f"{pair!r} is not OLD=NEW", "Write --map organisation=ORG")
        if renaming.setdefault(old, new) != new:
            raise DataError("--map", f"{old!r} is to become both {renaming[old]!r} and {new!r}")
    return renaming
