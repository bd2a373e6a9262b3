"""The batches of a training, in spaCy's order, from any place on."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, ORTH
from spacy.language import Language
from spacy.training import Example

from .randomness import random_state, set_random_state

Batch = list[Example]


class TrainBatches:
    """Yields what `spacy.training.loop.create_train_batches` yields, and knows where it is.

    corpus: reads the examples. batcher: cuts them into batches. max_epochs: 0 for no end, -1 to
    read the corpus anew in each epoch, unshuffled, rather than hold it in memory.
    """

    def __init__(
        self,
        nlp: Language,
        corpus: Callable[[Language], Iterable[Example]],
        batcher: Callable[[Iterable[Example]], Iterable[Batch]],
        max_epochs: int,
    ) -> None:
        self._nlp = nlp
        self._corpus = corpus
        self._batcher = batcher
        self._max_epochs = max_epochs
        self._epoch = 0
        self._done = 0  # batches of the present epoch
        self._order: list[int] = []
        self._before_epoch: dict[str, Any] = {}
        self._resumed = False

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the words and entities; that of a stream, which may have no end, is empty."""
        digest = hashlib.sha256()
        for example in self._examples:
            columns = example.reference.to_array([ORTH, ENT_IOB, ENT_TYPE])
            digest.update(np.int64(len(columns)).tobytes())
            digest.update(np.ascontiguousarray(columns).tobytes())
        return digest.hexdigest() if self._in_memory else ""

    @property
    def _in_memory(self) -> bool:
        return self._max_epochs >= 0

    @cached_property
    def _examples(self) -> list[Example]:
        """All examples, in the order of the corpus; none of a stream."""
        if not self._in_memory:
            return []
        examples = list(self._corpus(self._nlp))
        if not examples:
            raise ValueError(
                "The training corpus is empty. Check paths.train, and that its documents are not "
                "all longer than the reader's max_length."
            )
        return examples

    def position(self) -> dict[str, Any]:
        """Where the next batch will come from, as JSON."""
        return {
            "epoch": self._epoch,
            "done": self._done,
            "order": self._order,
            "before_epoch": self._before_epoch,
        }

    def resume(self, position: dict[str, Any]) -> None:
        """Go on from a `position`; the corpus must be the one it was taken from."""
        self._epoch = position["epoch"]
        self._done = position["done"]
        self._order = position["order"]
        self._before_epoch = position["before_epoch"]
        self._resumed = True

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        """Yields the number of the epoch, from 0, and a batch. Raises ValueError without data."""
        resuming = self._resumed
        examples = self._examples
        self._order = self._order or list(range(len(examples)))
        while self._max_epochs < 1 or self._epoch != self._max_epochs:
            if resuming:
                going_on = random_state()
                set_random_state(self._before_epoch)
            else:
                random.shuffle(self._order)
                self._before_epoch = random_state()
            epoch = (
                [examples[i] for i in self._order] if self._in_memory else self._corpus(self._nlp)
            )
            batches = iter(self._batcher(epoch))
            if resuming:
                for _ in range(self._done):
                    next(batches, None)
                # Before the next batch is made: making it may draw random numbers as well.
                set_random_state(going_on)
                resuming = False
            for batch in batches:
                self._done += 1
                yield self._epoch, list(batch)
            self._epoch += 1
            self._done = 0
