"""What all systems of the accuracy benchmark share; runs where neither spaCy nor the package is."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

# start, end (half open, in tokens), label
Entity = tuple[int, int, str]


@dataclass
class Task:
    """One system, trained once on one corpus and scored on its dev and test splits."""

    system: str
    corpus: str
    data: Path
    encoder: Path
    epochs: int
    seed: int
    gpu_id: int
    result: Path

    def to_json(self) -> str:
        return json.dumps(
            {
                key: value if isinstance(value, int) else str(value)
                for key, value in asdict(self).items()
            }
        )

    @classmethod
    def from_arguments(cls) -> Task:
        values = json.loads(sys.argv[1])
        paths = {f.name for f in fields(cls) if f.type == "Path"}
        return cls(**{key: Path(value) if key in paths else value for key, value in values.items()})

    def write(
        self,
        dev: list[list[Entity]],
        test: list[list[Entity]],
        dev_gold: list[list[Entity]],
        test_gold: list[list[Entity]],
        words: int,
        seconds: float,
        settings: dict[str, Any],
        confidences: list[list[float]] | None = None,
    ) -> None:
        """Score the predictions and write the result, all or nothing.

        words: tokens seen in training, all epochs together. seconds: of training alone.
        confidences: of the entities predicted on test, where the system has any.
        """
        outcome = {
            **json.loads(self.to_json()),
            "dev": scores(dev, dev_gold),
            "test": scores(test, test_gold),
            "predicted": test,
            "gold": test_gold,
            "words_per_second": words / seconds,
            "seconds": seconds,
            "settings": settings,
            "confidences": confidences,
        }
        partial = self.result.with_suffix(".partial")
        partial.write_text(json.dumps(outcome))
        os.replace(partial, self.result)


@dataclass
class Sentence:
    """One document of a split, whatever its length."""

    words: list[str]
    ents: list[Entity]


def read_split(task: Task, split: str) -> list[Sentence]:
    """The documents that `export` has written beside the DocBin."""
    rows = json.loads((task.data / f"{split}.json").read_text())
    return [Sentence(words, [tuple(ent) for ent in ents]) for words, ents in rows]


def to_bio(sentence: Sentence) -> list[str]:
    tags = ["O"] * len(sentence.words)
    for start, end, label in sentence.ents:
        tags[start:end] = [f"B-{label}"] + [f"I-{label}"] * (end - start - 1)
    return tags


def from_bio(tags: list[str]) -> list[Entity]:
    """Entities as conlleval reads tags: an I- that continues nothing starts an entity."""
    ents: list[Entity] = []
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if label and (prefix != "I" or name != label):
            ents.append((start, i, label))
            label = ""
        if prefix != "O" and not label:
            start, label = i, name
    return ents


def counts_by_document(predicted: list[list[Entity]], gold: list[list[Entity]]) -> np.ndarray:
    """(documents, 3) agreed, predicted and gold entities."""
    rows = []
    for found, right in zip(predicted, gold):
        one, other = {tuple(ent) for ent in found}, {tuple(ent) for ent in right}
        rows.append((len(one & other), len(one), len(other)))
    return np.array(rows, dtype=float).reshape(-1, 3)


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 in percent from counts (..., 3) of agreed, predicted and gold entities."""
    agreed, predicted, gold = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    return 200 * agreed / np.maximum(predicted + gold, 1)


def scores(predicted: list[list[Entity]], gold: list[list[Entity]]) -> dict[str, float]:
    agreed, found, right = counts_by_document(predicted, gold).sum(axis=0)
    return {
        "p": 100 * agreed / max(found, 1),
        "r": 100 * agreed / max(right, 1),
        "f": float(f1([agreed, found, right])),
    }
