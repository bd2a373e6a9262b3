"""Do confidences mean what they say? Reliability and the effect of a threshold, on held-out data.

usage: reliability.py PIPELINE FILE.spacy [--component ner] [--chart reliability.svg]

Prints for each tenth of the scale how many entities have such a confidence, its mean, and how many
of them are right; the expected calibration error; and precision and recall at several thresholds.
The first table is of the entities that the pipeline finds as it is set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import spacy
import typer
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Corpus
from wasabi import msg

from spacy_bert_ner.calibration import BINS, bin_numbers, calibration_error, scatter

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def judged(nlp: Language, path: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Confidence of every entity found, whether it is right, and the number of gold entities."""
    examples = list(Corpus(path)(nlp))
    docs = nlp.pipe(example.predicted for example in examples)
    scores, right, gold = [], [], 0
    for example, doc in zip(examples, docs):
        wanted = {(e.start_char, e.end_char, e.label_) for e in example.reference.ents}
        gold += len(wanted)
        for ent in doc.ents:
            scores.append(ent._.confidence)
            right.append((ent.start_char, ent.end_char, ent.label_) in wanted)
    return np.array(scores), np.array(right, dtype=bool), gold


def bins_of(
    scores: NDArray[np.float64], right: NDArray[np.bool_]
) -> list[tuple[float, float, int, float, float]]:
    """Low and high end, number, mean confidence and share of right ones of each bin in use."""
    numbers = bin_numbers(scores)
    return [
        (i / BINS, (i + 1) / BINS, int(of_bin.sum()), scores[of_bin].mean(), right[of_bin].mean())
        for i in range(BINS)
        if (of_bin := numbers == i).any()
    ]


def chart(bins: list[tuple[float, float, int, float, float]], error: float, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfect")
    centers = [(low + high) / 2 for low, high, *_ in bins]
    axes.bar(centers, [b[4] for b in bins], 0.9 / BINS, label="share that is right")
    axes.plot([b[3] for b in bins], [b[4] for b in bins], "o", color="black", label="mean of bin")
    for center, (_, _, count, _, share) in zip(centers, bins):
        axes.annotate(f"{count}", (center, share), ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="confidence", ylabel="right")
    axes.set_title(f"expected calibration error {error:.3f}")
    axes.legend(loc="upper left")
    figure.savefig(path)
    plt.close(figure)


def main(
    pipeline: str,
    file: Path,
    component: Annotated[str, typer.Option(help="Name of the bert_ner component")] = "ner",
    chart_file: Annotated[Path | None, typer.Option("--chart", help="Reliability diagram")] = None,
) -> None:
    nlp = spacy.load(pipeline)
    ner = nlp.get_pipe(component)
    ner.confidence = True
    scores, right, gold = judged(nlp, file)
    if not len(scores):
        msg.fail(f"{pipeline} finds no entities in {file}", exits=1)
    bins = bins_of(scores, right)
    error = calibration_error(scores, right)
    msg.table(
        [(f"{a:.1f}–{b:.1f}", n, f"{p:.3f}", f"{share:.3f}") for a, b, n, p, share in bins],
        header=("confidence", "entities", "mean", "right"),
        aligns=("l", "r", "r", "r"),
        divider=True,
    )
    print(
        f"expected calibration error {error:.3f} over {len(scores):,} entities; true probabilities would "
        f"have {scatter(scores):.3f}\n"
    )
    rows = []
    for threshold in THRESHOLDS:
        ner.threshold = threshold
        kept, kept_right, _ = judged(nlp, file)
        precision, recall = (
            100 * kept_right.mean() if len(kept) else 0,
            100 * kept_right.sum() / gold,
        )
        f1 = 200 * kept_right.sum() / (len(kept) + gold)
        rows.append((threshold, len(kept), f"{precision:.1f}", f"{recall:.1f}", f"{f1:.1f}"))
    msg.table(
        rows,
        header=("threshold", "entities", "P", "R", "F"),
        aligns=("r", "r", "r", "r", "r"),
        divider=True,
    )
    if chart_file is not None:
        chart(bins, error, chart_file)


if __name__ == "__main__":
    typer.run(main)
