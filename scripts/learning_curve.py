"""What more annotated text would bring: train on shares of the training documents, score each.

usage: learning_curve.py CONFIG CORPUS ENCODER [--shares 0.25 0.5 0.75] [--seed 0] [--gpu-id -1]

CORPUS is a folder with train.spacy, dev.spacy and test.spacy. Smaller shares are part of larger
ones. Every run has the config's epochs, so a smaller share takes fewer steps.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import spacy
import srsly
from spacy.tokens import DocBin
from wasabi import msg


def take_share(corpus: Path, share: float, seed: int, target: Path) -> tuple[int, int]:
    """Write that share of the training documents. Returns documents and tokens."""
    docs = list(DocBin().from_disk(corpus / "train.spacy").get_docs(spacy.blank("xx").vocab))
    random.Random(seed).shuffle(docs)
    chosen = docs[: round(share * len(docs))]
    DocBin(docs=chosen).to_disk(target)
    return len(chosen), sum(map(len, chosen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("encoder")
    parser.add_argument("--shares", type=float, nargs="*", default=(0.25, 0.5, 0.75, 1.0))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gpu-id", default="-1")
    args = parser.parse_args()
    rows = []
    for share in args.shares:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            documents, tokens = take_share(args.corpus, share, args.seed, folder / "train.spacy")
            train = [
                "bert-ner",
                "train",
                args.config,
                "--output",
                folder / "model",
                "--gpu-id",
                args.gpu_id,
            ]
            train += ["--paths.train", folder / "train.spacy", "--paths.encoder", args.encoder]
            train += ["--paths.dev", args.corpus / "dev.spacy", "--system.seed", args.seed]
            score = ["evaluate", folder / "model" / "model-best", args.corpus / "test.spacy"]
            score += ["--output", folder / "scores.json", "--gpu-id", args.gpu_id]
            for command in (train, score):
                subprocess.run(
                    [sys.executable, "-m", "spacy", *map(str, command)],
                    check=True, stdout=subprocess.DEVNULL,
                )  # fmt: skip
            scores = srsly.read_json(folder / "scores.json")
        figures = (f"{100 * scores[f'ents_{key}']:.1f}" for key in "prf")
        rows.append((f"{100 * share:.0f} %", documents, tokens, *figures))
        msg.good(f"{rows[-1]}")
    msg.table(
        rows,
        header=("share", "documents", "tokens", "P", "R", "F"),
        aligns=("r", "r", "r", "r", "r", "r"),
        divider=True,
    )


if __name__ == "__main__":
    main()
