"""A corpus at a glance: counts, forms, and what the checks found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from .checks import Check, Seen, all_checks
from .conversion import SUMMARY_FILE
from .findings import Findings
from .reading import read_docs
from .records import DataError, Place
from .sources import SPLITS
from .statistics import SplitStatistics

# What is shown of the figures of a conversion.
_FIGURES = {"spans": int, "rejected": dict, "rejected_percent": float, "findings": dict}


@dataclass
class Inspection:
    """What there is to say of a corpus.

    statistics: of each split. checks: those that ran, with their title and advice. conversion: the
        figures of `conversion.json`, None where there is none.
    """

    statistics: dict[str, SplitStatistics]
    checks: list[Check]
    findings: Findings
    conversion: dict[str, Any] | None = None

    @property
    def labels(self) -> list[str]:
        """All labels, the most frequent first."""
        return [label for label, _ in self.mentions.most_common()]

    @property
    def mentions(self) -> Counter[str]:
        return sum((counts.mentions for counts in self.statistics.values()), Counter())

    def forms(self, label: str) -> Counter[str]:
        """How often each surface form has the label."""
        return sum((c.forms.get(label, Counter()) for c in self.statistics.values()), Counter())

    def ambiguous(self) -> list[tuple[str, Counter[str]]]:
        """Forms with several labels, those first that have most mentions beside their main one."""
        labels: dict[str, Counter[str]] = {}
        for counts in self.statistics.values():
            for label, forms in counts.forms.items():
                for form, n in forms.items():
                    labels.setdefault(form, Counter())[label] += n
        several = [(form, counts) for form, counts in labels.items() if len(counts) > 1]
        several.sort(key=lambda item: (max(item[1].values()) - item[1].total(), item[0]))
        return several

    def to_json(self, limit: int = 20) -> dict[str, Any]:
        """The counts of each split under its name, and `findings` with so many examples each."""
        return {
            **{name: counts.to_json() for name, counts in self.statistics.items()},
            "findings": self.findings.to_json(limit),
        }


class DocFile:
    """The Docs of a file, read anew each time they are gone through."""

    def __init__(self, path: Path, nlp: Language) -> None:
        self.path = path
        self.nlp = nlp

    def __iter__(self) -> Iterator[Doc]:
        return read_docs(self.path, self.nlp)


def corpus_files(given: Path, nlp: Language) -> dict[str, Iterable[Doc]]:
    """The splits that a corpus folder has (a fold has no test), or the one of a file.

    Raises DataError for a folder without any.
    """
    if given.suffix == ".spacy" or given.is_file() or (given.suffix and not given.is_dir()):
        return {given.stem: DocFile(given, nlp)}
    files = {name: given / f"{name}.spacy" for name in SPLITS}
    found = {name: path for name, path in files.items() if path.exists()}
    if not found:
        raise DataError(
            str(files["train"]), "no such file", "Run 'python -m spacy bert-ner convert' first"
        )
    return {name: DocFile(path, nlp) for name, path in found.items()}


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The figures of the conversion that wrote a corpus folder, if they are there.

    Raises DataError for a file of that name that holds anything else.
    """
    path = folder / SUMMARY_FILE
    if not path.is_file():
        return None
    remedy = "Remove it, or convert the corpus anew"
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(path), f"cannot be read ({error})", remedy) from error
    if not _are_figures(figures):
        raise DataError(str(path), "not the figures of a conversion", remedy)
    return figures


def _are_figures(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and all(isinstance(data.get(key), kind) for key, kind in _FIGURES.items())
        and all(isinstance(count, int) for count in data["rejected"].values())
        and all(map(_is_tally, data["findings"].values()))
    )


def _is_tally(data: Any) -> bool:
    """Whether it is the count of a check's findings and at least one example."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("count"), int)
        and isinstance(data.get("examples"), list)
        and bool(data["examples"])
        and all(isinstance(e, dict) and {"place", "detail"} <= e.keys() for e in data["examples"])
    )


def inspect(
    splits: Mapping[str, Iterable[Doc]],
    *,
    length: Callable[[Doc], int] | None = None,
    window: int = 0,
    conversion: dict[str, Any] | None = None,
) -> Inspection:
    """Count and check Docs with entities.

    splits: Docs by split; they are gone through twice.
    length, window: see `all_checks`.
    """
    statistics = {name: SplitStatistics() for name in splits}
    checks = all_checks(length, window)
    findings = Findings()
    for seen in _all(splits):
        statistics[seen.split].add(seen.doc)
        for check in checks:
            check.see(seen)
    for seen in _all(splits):
        for check in checks:
            check.see_again(seen, findings)
    for check in checks:
        check.conclude(findings)
    return Inspection(statistics, checks, findings, conversion)


def _all(splits: Mapping[str, Iterable[Doc]]) -> Iterator[Seen]:
    for name, docs in splits.items():
        for number, doc in enumerate(docs, start=1):
            yield Seen(name, doc, _place(doc, name, number))


def _place(doc: Doc, split: str, number: int) -> Place:
    """Where the Doc's text comes from, as conversion noted it, or its number in the split."""
    source = doc.user_data.get("source")
    return Place.parse(source) if isinstance(source, str) and source else Place(split, number)
