"""Linear warm-up and decay measured in epochs, whatever the size of the corpus."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from spacy.tokens import DocBin


def corpus_words(path: Path) -> int:
    """Number of tokens in a .spacy file, or in all of a folder's."""
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    words = 0
    for file in files:
        words += sum(len(tokens) for tokens in DocBin().from_disk(file).tokens)
    return words


def linear_epochs_v1(
    peak: float,
    epochs: float,
    train: str | Path | None,
    batch_words: int,
    warmup: float = 0.1,
) -> Iterator[float]:
    """`spacy-bert-ner.linear_epochs.v1`: rise to `peak`, then fall to zero at the last epoch.

    peak: the highest value.
    epochs: length of the training; `[training] max_epochs` should be the same.
    train: the training corpus, whose words tell how many steps an epoch has.
    batch_words: words of a batch, as the batcher has it.
    warmup: share of the steps spent rising.
    """
    if train is None or not Path(train).exists():
        # A packaged pipeline that is trained further has its own corpus no more, and spaCy makes its
        # optimizer from the config all the same.
        warnings.warn(
            f"The training corpus {train!r} that the learning-rate schedule measures does not exist: "
            f"the rate stays at {peak}. Set paths.train to a .spacy file or a folder of them for "
            "warm-up and decay.",
            stacklevel=2,
        )
        return repeat(peak)
    total = max(1, round(epochs * corpus_words(Path(train)) / batch_words))
    return _rates(peak, total, warmup)


def _rates(peak: float, total: int, warmup: float) -> Iterator[float]:
    rising = max(1.0, warmup * total)
    step = 0
    while True:
        # Counted from one, so that the first batch is not thrown away on a rate of zero.
        step += 1
        if step < rising:
            yield peak * step / rising
        else:
            yield peak * max(0.0, (total + 1 - step) / (total + 1 - rising))
