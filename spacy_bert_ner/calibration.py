"""Making confidences mean what they say: temperature scaling (Guo et al., 2017) on held-out data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Example

from .pipeline import BertNER
from .tagger.decode import decode
from .tagger.lattice import span_lattice

_RANGE = (0.2, 10.0)
_PRECISION = 1e-3
_BATCH = 64
_BINS = 10
# A probability of zero or one that is wrong would cost without bound.
_EPSILON = 1e-6


@dataclass(frozen=True)
class Calibration:
    """The outcome of a calibration; errors and losses are those of the data it was made on.

    temperature: what tag scores are divided by.
    entities: predicted entities that could be judged.
    precision: share of them that is right.
    error_before, error_after: expected calibration error at temperature 1 and at the new one.
    loss_before, loss_after: mean negative log-likelihood of an entity's being right or wrong.
    """

    temperature: float
    entities: int
    precision: float
    error_before: float
    error_after: float
    loss_before: float
    loss_after: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def calibrate(nlp: Language, examples: Iterable[Example], name: str) -> Calibration:
    """Set the temperature of a `bert_ner` component from data it was not trained on.

    The temperature is the one under which the probabilities of the predicted entities best predict
    which of them are right. Which entities are predicted does not change with it, unless the
    component has a threshold.

    examples: with gold entities; predicted entities that touch unannotated tokens are left out.
    name: the component's name in the pipeline.
    Raises ValueError if the component is of another kind, or if nothing can be judged.
    """
    ner = component(nlp, name)
    predicted = [_Batch(ner, batch) for batch in _through(nlp, examples, name)]
    right = np.concatenate([batch.right for batch in predicted] or [np.zeros(0, dtype=bool)])
    if not right.any() or right.all():
        raise ValueError(
            f"Of {len(right)} entities that '{name}' predicts in the data, {int(right.sum())} are right: "
            "a calibration needs right ones and wrong ones. Use more held-out documents, with "
            "gold entities of the component's labels."
        )

    def probabilities(temperature: float) -> NDArray[np.float64]:
        return np.concatenate([batch.probabilities(temperature) for batch in predicted])

    def loss(temperature: float) -> float:
        return log_loss(probabilities(temperature), right)

    temperature = _minimum(loss, *_RANGE)
    ner.temperature = temperature
    return Calibration(
        temperature=temperature,
        entities=len(right),
        precision=float(right.mean()),
        error_before=calibration_error(probabilities(1.0), right),
        error_after=calibration_error(probabilities(temperature), right),
        loss_before=loss(1.0),
        loss_after=loss(temperature),
    )


def component(nlp: Language, name: str) -> BertNER:
    """The component of that name, which must be a `bert_ner`."""
    if name not in nlp.pipe_names:
        raise ValueError(
            f"No component '{name}' in the pipeline; it has {', '.join(nlp.pipe_names)}."
        )
    pipe = nlp.get_pipe(name)
    if not isinstance(pipe, BertNER):
        raise ValueError(
            f"The component '{name}' was made by the factory '{nlp.get_pipe_meta(name).factory}'; only "
            "a 'bert_ner' has probabilities to calibrate."
        )
    return pipe


def log_loss(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood, in nats, of outcomes (n,) under their probabilities (n,)."""
    p = np.clip(probabilities, _EPSILON, 1 - _EPSILON)
    return float(-np.log(np.where(right, p, 1 - p)).mean())


def calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error (Naeini et al., 2015), over ten bins of equal width.

    The mean distance between the bins' average probability and share of right ones, weighted by
    the bins' sizes; 0 is perfect.
    """
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    promised = np.bincount(bins, weights=probabilities, minlength=_BINS)
    kept = np.bincount(bins, weights=right, minlength=_BINS)
    return float(np.abs(promised - kept).sum() / len(right))


class _Batch:
    """The predicted entities of a batch of Docs, and what their probabilities are taken from."""

    def __init__(self, ner: BertNER, examples: list[Example]) -> None:
        self._scheme = ner.scheme
        scores, lengths, roles = ner.tag_scores([example.predicted for example in examples])
        self._scores, self._lengths, self._roles = scores.cpu(), lengths, roles
        tags = decode(scores, lengths, roles, ner.scheme)
        gold = [tag for example in examples for tag in example.get_aligned_ner()]
        annotated = np.array([tag not in (None, "-") for tag in gold], dtype=bool)
        wanted = set()
        offset = 0
        for example, length in zip(examples, lengths.tolist()):
            for ent in example.get_aligned_spans_y2x(example.reference.ents):
                wanted.add((offset + ent.start, offset + ent.end, ent.label_))
            offset += length
        found = [
            (start, end, label)
            for start, end, label in zip(*(x.tolist() for x in ner.scheme.spans(tags, lengths)))
            if annotated[start:end].all()
        ]
        starts, ends, labels = np.array(found, dtype=np.int64).reshape(-1, 3).T
        self._starts, self._ends, self._labels = starts, ends, labels
        self.right = np.array(
            [(start, end, ner.labels[label]) in wanted for start, end, label in found], dtype=bool
        )

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        if not len(self._starts):
            return np.zeros(0)
        lattice = span_lattice(self._scores, self._lengths, self._roles, self._scheme, temperature)
        by_label = lattice.label_probabilities(self._starts, self._ends)
        return by_label[np.arange(len(self._labels)), self._labels]


def _through(nlp: Language, examples: Iterable[Example], name: str) -> Iterable[list[Example]]:
    """Batches of the examples, their predicted Docs as the component finds them."""
    batch: list[Example] = []
    for example in examples:
        if len(example.predicted):
            batch.append(example)
        if len(batch) == _BATCH:
            yield _processed(nlp, batch, name)
            batch = []
    if batch:
        yield _processed(nlp, batch, name)


def _processed(nlp: Language, batch: list[Example], name: str) -> list[Example]:
    docs = [example.predicted for example in batch]
    for other, pipe in nlp.pipeline:
        if other == name:
            break
        docs = list(pipe.pipe(docs) if hasattr(pipe, "pipe") else map(pipe, docs))
    for example, doc in zip(batch, docs):
        example.predicted = doc
    return batch


def _minimum(f: Callable[[float], float], low: float, high: float) -> float:
    """Where f is least between two positive numbers, by golden-section search on a log scale."""
    ratio = (5**0.5 - 1) / 2
    a, b = log(low), log(high)
    c, d = b - ratio * (b - a), a + ratio * (b - a)
    at_c, at_d = f(exp(c)), f(exp(d))
    while b - a > _PRECISION:
        if at_c < at_d:
            b, d, at_d = d, c, at_c
            c = b - ratio * (b - a)
            at_c = f(exp(c))
        else:
            a, c, at_c = c, d, at_d
            d = a + ratio * (b - a)
            at_d = f(exp(d))
    return exp((a + b) / 2)
