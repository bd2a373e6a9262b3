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
from .tagger.lattice import Lattice, span_lattice
from .tagger.select import without_overlaps

_RANGE = (0.2, 10.0)
_PRECISION = 1e-3
_BATCH = 64
_BINS = 10
# A probability of zero or one that is wrong would cost without bound.
_EPSILON = 1e-6
_THRESHOLDS = np.arange(0.05, 0.96, 0.05)


@dataclass(frozen=True)
class Calibration:
    """The outcome of a calibration; errors and losses are those of the data it was made on.

    temperature: what tag scores are divided by.
    entities: predicted entities that could be judged.
    precision: share of them that is right.
    error_before, error_after: expected calibration error at temperature 1 and at the new one.
    loss_before, loss_after: mean negative log-likelihood of an entity's being right or wrong.
    threshold: the new one; None if the component had none.
    f1: of the entities that are found in the end, in percent.
    """

    temperature: float
    entities: int
    precision: float
    error_before: float
    error_after: float
    loss_before: float
    loss_after: float
    threshold: float | None
    f1: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def calibrate(nlp: Language, examples: Iterable[Example], name: str) -> Calibration:
    """Set the temperature of a `bert_ner` component from data it was not trained on.

    The temperature is the one under which the probabilities of the predicted entities best predict
    which of them are right. If the component has a threshold, which is one of probabilities, it is
    set anew too, to where F1 is highest (Lipton et al., 2014).

    examples: with gold entities; predicted entities that touch unannotated tokens are left out.
    name: the component's name in the pipeline.
    If all predicted entities are right, or none, every temperature would do, and it stays as it is.
    Raises ValueError if the component is of another kind, or if there are no documents.
    """
    ner = component(nlp, name)
    predicted = [_Batch(ner, batch) for batch in _through(nlp, examples, name)]
    if not predicted:
        raise ValueError("No documents to calibrate on. Use the dev split, which has some.")
    right = np.concatenate([batch.right for batch in predicted])

    def probabilities(temperature: float) -> NDArray[np.float64]:
        return np.concatenate([batch.probabilities(temperature) for batch in predicted])

    def loss(temperature: float) -> float:
        return log_loss(probabilities(temperature), right)

    temperature = ner.temperature
    if right.any() and not right.all():
        temperature = ner.temperature = _minimum(loss, *_RANGE)
    if ner.threshold is not None:
        ner.threshold = _best_threshold(predicted, temperature)
    return Calibration(
        temperature=temperature,
        entities=len(right),
        precision=float(right.mean()) if len(right) else 0.0,
        error_before=calibration_error(probabilities(1.0), right),
        error_after=calibration_error(probabilities(temperature), right),
        loss_before=loss(1.0),
        loss_after=loss(temperature),
        threshold=ner.threshold,
        f1=_f1_at(ner.threshold, predicted, temperature),
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
    return float(-np.log(np.where(right, p, 1 - p)).sum() / max(1, len(p)))


def calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error (Naeini et al., 2015), over ten bins of equal width.

    The mean distance between the bins' average probability and share of right ones, weighted by
    the bins' sizes; 0 is perfect.
    """
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    promised = np.bincount(bins, weights=probabilities, minlength=_BINS)
    kept = np.bincount(bins, weights=right, minlength=_BINS)
    return float(np.abs(promised - kept).sum() / max(1, len(right)))


def _best_threshold(predicted: list[_Batch], temperature: float) -> float:
    """The threshold of highest F1; of equally good ones, the one nearest to one half."""
    found = [batch.likely(temperature, float(_THRESHOLDS[0])) for batch in predicted]
    probabilities = np.concatenate([probability for probability, _ in found])
    right = np.concatenate([is_right for _, is_right in found])
    gold = sum(batch.gold for batch in predicted)
    scores = []
    for threshold in _THRESHOLDS:
        kept = probabilities >= threshold
        scores.append(_f1(int(right[kept].sum()), int(kept.sum()), gold))
    best = max(range(len(scores)), key=lambda i: (scores[i], -abs(_THRESHOLDS[i] - 0.5)))
    return round(float(_THRESHOLDS[best]), 2)


def _f1_at(threshold: float | None, predicted: list[_Batch], temperature: float) -> float:
    gold = sum(batch.gold for batch in predicted)
    if threshold is None:
        outcomes = [batch.right for batch in predicted]
    else:
        outcomes = [batch.likely(temperature, threshold)[1] for batch in predicted]
    right = np.concatenate(outcomes)
    return _f1(int(right.sum()), len(right), gold)


def _f1(right: int, found: int, gold: int) -> float:
    return 200 * right / max(1, found + gold)


class _Batch:
    """The predicted entities of a batch of Docs, and what their probabilities are taken from."""

    def __init__(self, ner: BertNER, examples: list[Example]) -> None:
        self._scheme = ner.scheme
        scores, lengths, roles = ner.tag_scores([example.predicted for example in examples])
        self._scores, self._lengths, self._roles = scores.cpu(), lengths, roles
        gold = [tag for example in examples for tag in example.get_aligned_ner()]
        self._annotated = np.array([tag not in (None, "-") for tag in gold], dtype=bool)
        self._wanted = set()
        offset = 0
        for example, length in zip(examples, lengths.tolist()):
            for ent in example.get_aligned_spans_y2x(example.reference.ents):
                self._wanted.add((offset + ent.start, offset + ent.end, ent.label_))
            offset += length
        self.gold = len(self._wanted)
        self._labels_of = ner.labels
        tags = decode(scores, lengths, roles, ner.scheme)
        self._spans = self._judged(*ner.scheme.spans(tags, lengths))
        self.right = self._right(*self._spans)

    def _judged(self, *spans: NDArray) -> tuple[NDArray, ...]:
        """Leave out the spans (starts, ends, ...) that touch unannotated tokens."""
        unknown = np.concatenate(([0], np.cumsum(~self._annotated)))
        judged = unknown[spans[1]] == unknown[spans[0]]
        return tuple(part[judged] for part in spans)

    def _right(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        spans = zip(starts.tolist(), ends.tolist(), labels.tolist())
        return np.array(
            [(start, end, self._labels_of[y]) in self._wanted for start, end, y in spans],
            dtype=bool,
        )

    def likely(
        self, temperature: float, threshold: float
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Probabilities of the entities found with a threshold, and which of them are right."""
        starts, ends, labels, probabilities = self._lattice(temperature).likely_spans(threshold)
        chosen = without_overlaps(starts, ends, len(self._roles))
        starts, ends, labels, probabilities = self._judged(
            starts[chosen], ends[chosen], labels[chosen], probabilities[chosen]
        )
        return probabilities, self._right(starts, ends, labels)

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """Of the entities of the likeliest tag sequences."""
        starts, ends, labels = self._spans
        if not len(starts):
            return np.zeros(0)
        by_label = self._lattice(temperature).label_probabilities(starts, ends)
        return by_label[np.arange(len(labels)), labels]

    def _lattice(self, temperature: float) -> Lattice:
        return span_lattice(self._scores, self._lengths, self._roles, self._scheme, temperature)


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
