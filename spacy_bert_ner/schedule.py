"""Linear warm-up and decay measured in epochs, whatever the size of the corpus."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from spacy.tokens import DocBin
from spacy.training.batchers import minibatch_by_words


def count_batches(path: Path, batch_words: int, tolerance: float) -> int:
    """Number of batches that `spacy.batch_by_words.v1` makes of a .spacy file or a folder of them.

    Batches end between documents, so they are smaller than `batch_words` on average, and the more
    so the longer the documents are. Their number varies a little with the order of the documents.
    """
    files = sorted(path.rglob("*.spacy")) if path.is_dir() else [path]
    lengths = [len(tokens) for file in files for tokens in DocBin().from_disk(file).tokens]
    random.Random(0).shuffle(lengths)
    filled = (length for length in lengths if length)
    return sum(1 for _ in minibatch_by_words(filled, batch_words, tolerance, get_length=int))


def linear_epochs_v1(
    peak: float,
    epochs: float,
    train: str | Path | None,
    batch_words: int,
    warmup: float = 0.1,
    tolerance: float = 0.2,
) -> Iterator[float]:
    """`spacy-bert-ner.linear_epochs.v1`: rise to `peak`, then fall to zero at the last epoch.

    peak: the highest value.
    epochs: length of the training; `[training] max_epochs` should be the same.
    train: the training corpus, whose documents tell how many steps an epoch has.
    batch_words, tolerance: size of a batch and what it may exceed it by, as the batcher has them.
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
    total = max(1, round(epochs * count_batches(Path(train), batch_words, tolerance)))
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
