"""Precision, recall and F1 by label with 95 % confidence intervals, from a bootstrap over documents.

usage: confidence_intervals.py PIPELINE FILE.spacy [--samples 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import spacy
from spacy.tokens import DocBin
from wasabi import msg


def counts_by_document(nlp: spacy.Language, path: Path) -> tuple[list[str], np.ndarray]:
    """The labels, and (documents, labels, 3) counts of agreed, predicted and gold entities."""
    gold = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    predicted = list(nlp.pipe(doc.text for doc in gold))
    spans = [
        [{(e.start_char, e.end_char, e.label_) for e in doc.ents} for doc in docs]
        for docs in (predicted, gold)
    ]
    labels = sorted({span[2] for docs in spans for doc in docs for span in doc})
    counts = np.zeros((len(gold), len(labels), 3), dtype=int)
    for i, (found, right) in enumerate(zip(*spans)):
        for kind, chosen in enumerate((found & right, found, right)):
            for *_, label in chosen:
                counts[i, labels.index(label), kind] += 1
    return labels, counts


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """From counts (..., 3) of agreed, predicted and gold; nothing to divide by counts as zero."""
    agreed, predicted, gold = np.moveaxis(counts.astype(float), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = (agreed / predicted, agreed / gold, 2 * agreed / (predicted + gold))
        return np.nan_to_num(np.stack(figures, axis=-1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline")
    parser.add_argument("file", type=Path)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    labels, counts = counts_by_document(spacy.load(args.pipeline), args.file)
    with_all = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    rng = np.random.default_rng(args.seed)
    drawn = rng.integers(len(counts), size=(args.samples, len(counts)))
    resampled = precision_recall_f1(np.stack([with_all[rows].sum(axis=0) for rows in drawn]))
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    point = precision_recall_f1(with_all.sum(axis=0))
    gold = with_all[..., 2].sum(axis=0)
    msg.table(
        [
            (label, gold[i], *(f"{100 * figure:.1f}" for figure in point[i]),
             f"{100 * low[i, 2]:.1f}–{100 * high[i, 2]:.1f}")
            for i, label in enumerate([*labels, "all"])
        ],
        header=("label", "gold", "P", "R", "F", "95 % interval of F"),
        aligns=("l", "r", "r", "r", "r", "r"),
        divider=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
