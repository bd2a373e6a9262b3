"""A tally of findings that does not grow with the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from .records import Finding, Place

# Of each check all are counted, and so many are kept to be shown.
KEPT = 1000


class Findings:
    """Counts every finding and keeps the first `KEPT` of each check."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kept: dict[str, list[Finding]] = {}

    def add(self, check: str, place: Place, detail: str) -> None:
        self.counts[check] += 1
        kept = self._kept.setdefault(check, [])
        if len(kept) < KEPT:
            kept.append(Finding(check, place, detail))

    def update(self, other: Findings) -> None:
        """Take over what another tally holds."""
        self.counts.update(other.counts)
        for check, found in other._kept.items():
            kept = self._kept.setdefault(check, [])
            kept.extend(found[: KEPT - len(kept)])

    def of(self, check: str) -> list[Finding]:
        """The kept findings of a check, in the order they were made."""
        return list(self._kept.get(check, ()))

    def to_json(self, limit: int = KEPT) -> dict[str, Any]:
        """Of each check its count and so many examples, each with place and detail."""
        return {
            check: {
                "count": count,
                "examples": [
                    {"place": str(found.place), "detail": found.detail}
                    for found in self.of(check)[:limit]
                ],
            }
            for check, count in self.counts.items()
        }

    def __iter__(self) -> Iterator[Finding]:
        for check in self._kept:
            yield from self._kept[check]

    def __len__(self) -> int:
        return self.counts.total()
