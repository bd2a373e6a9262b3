"""The HTML page of an Inspection: one file that needs no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from .inspection import Inspection
from .rejects import REASONS

FREQUENT_FORMS = 20
AMBIGUOUS_FORMS = 30
EXAMPLES = 20
_BINS = 12


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: what it stands for, its count, and its length in percent."""

    name: str
    count: int
    percent: float


def render(inspection: Inspection, title: str) -> str:
    """The page. Everything that comes from the data is escaped."""
    environment = Environment(
        loader=PackageLoader("spacy_bert_ner.data", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    statistics = inspection.statistics
    documents = sum((c.document_lengths for c in statistics.values()), Counter())
    entities = sum((c.entity_lengths for c in statistics.values()), Counter())
    return environment.get_template("inspection.html.jinja").render(
        title=title,
        statistics=statistics,
        labels=inspection.labels,
        mentions=inspection.mentions,
        shares=_shares(inspection),
        frequent={
            label: inspection.forms(label).most_common(FREQUENT_FORMS)
            for label in inspection.labels
        },
        distinct={label: len(inspection.forms(label)) for label in inspection.labels},
        ambiguous=inspection.ambiguous()[:AMBIGUOUS_FORMS],
        document_lengths=histogram(documents),
        entity_lengths=histogram(entities),
        checks=inspection.checks,
        findings=inspection.findings,
        examples=EXAMPLES,
        conversion=inspection.conversion,
        reasons=REASONS,
    )


def _shares(inspection: Inspection) -> dict[str, dict[str, float]]:
    """Percent of each split's entities that have a label."""
    return {
        label: {
            name: 100 * counts.mentions[label] / counts.entities if counts.entities else 0.0
            for name, counts in inspection.statistics.items()
        }
        for label in inspection.labels
    }


def histogram(counts: Mapping[int, int]) -> list[Bar]:
    """Lengths in bins of equal width, the last one open so that a few giants do not stretch it."""
    if not counts:
        return []
    total, reached, usual = sum(counts.values()), 0, 0
    for length in sorted(counts):
        reached += counts[length]
        usual = length
        if reached >= 0.98 * total:
            break
    width = max(1, -(-(usual + 1) // _BINS))
    bins: Counter[int] = Counter()
    for length, count in counts.items():
        bins[min(length // width, usual // width + 1)] += count
    highest = max(bins.values())
    bars = []
    for i in range(min(bins), max(bins) + 1):
        first, last = i * width, (i + 1) * width - 1
        name = str(first) if width == 1 else f"{first}–{last}"
        if i == usual // width + 1:
            name = f"{first} and more"
        bars.append(Bar(name, bins[i], 100 * bins[i] / highest))
    return bars
