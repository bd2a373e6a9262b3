"""Making confidences mean what they say: Platt scaling (Platt, 1999) on held-out data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch

from .data.records import DataError
from .pipeline import BertNER
from .tagger.decode import decode
from .tagger.lattice import span_lattice
from .tagger.scaling import Scaling, log_odds
from .tagger.select import likely_entities

# Spans of less probability say little of those that become entities.
_FLOOR = 0.1
_BATCH = 64
BINS = 10
# A probability of zero or one that is wrong would cost without bound.
_EPSILON = 1e-6
_THRESHOLDS = np.arange(0.05, 0.96, 0.05)


@dataclass(frozen=True)
class Calibration:
    """The outcome of a calibration; errors and losses are those of the data it was made on.

    temperature, bias, length_bias: see `tagger.scaling.Scaling`.
    entities: entities found in the end, with the new threshold, that could be judged.
    precision: share of them that is right. f1: in percent.
    error_before, error_after: their expected calibration error without and with the scaling.
    loss_before, loss_after: mean negative log-likelihood of an entity's being right or wrong.
    threshold: the new one; None if the component had none.
    """

    temperature: float
    bias: float
    length_bias: float
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
    """Set the scaling of a `bert_ner` component's confidences from data it was not trained on.

    It is the one under which the confidences of likely spans best predict which of them are
    entities. If the component has a threshold, which is one of confidences, it is set anew too, to
    where F1 is highest (Lipton et al., 2014); otherwise the entities found stay the same.

    examples: with gold entities; spans that touch unannotated tokens are left out.
    name: the component's name in the pipeline.
    If all likely spans are entities, or none, any scaling would do, and it stays as it is.
    Raises DataError if the component is of another kind, or if there are no documents.
    """
    ner = component(nlp, name)
    predicted = [_Batch(ner, batch) for batch in _through(nlp, examples, name)]
    if not predicted:
        raise DataError(
            "the held-out data", "No documents to calibrate on", "Use the dev split, which has some"
        )
    gold = sum(batch.gold for batch in predicted)
    likely, tokens, right = _joined(batch.likely(_FLOOR, Scaling()) for batch in predicted)
    if right.any() and not right.all():
        ner.scaling = fit(likely, tokens, right)
    if ner.threshold is None:
        found, tokens, right = _joined(batch.best_path() for batch in predicted)
    else:
        likely, tokens, right = _joined(
            batch.likely(_THRESHOLDS[0], ner.scaling) for batch in predicted
        )
        confidences = ner.scaling.confidences(likely, tokens)
        ner.threshold = _best_threshold(confidences, right, gold)
        # A higher threshold finds some of what a lower one finds, and nothing else.
        kept = confidences >= ner.threshold
        found, tokens, right = likely[kept], tokens[kept], right[kept]
    confidences = ner.scaling.confidences(found, tokens)
    return Calibration(
        temperature=ner.temperature,
        bias=ner.bias,
        length_bias=ner.length_bias,
        entities=len(right),
        precision=float(right.mean()) if len(right) else 0.0,
        f1=_f1(int(right.sum()), len(right), gold),
        error_before=calibration_error(found, right),
        error_after=calibration_error(confidences, right),
        loss_before=log_loss(found, right),
        loss_after=log_loss(confidences, right),
        threshold=ner.threshold,
    )


def fit(
    probabilities: NDArray[np.float64], tokens: NDArray[np.int64], right: NDArray[np.bool_]
) -> Scaling:
    """The scaling that makes the outcomes likeliest, under a weak prior for none.

    probabilities, tokens, right: (n,) – of spans, how many tokens each has, and which are entities. The
    prior, a standard normal of the temperature's logarithm and of each bias, keeps a handful of outcomes
    from driving them to extremes.
    """
    odds = torch.from_numpy(log_odds(probabilities))
    lengths = torch.from_numpy(np.log(tokens))
    outcome = torch.from_numpy(right.astype(np.float64))
    parameters = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [parameters], max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
    )

    def loss() -> float:
        optimizer.zero_grad()
        log_slope, bias, length_bias = parameters
        surprise = torch.nn.functional.binary_cross_entropy_with_logits(
            odds * log_slope.exp() + bias + length_bias * lengths, outcome, reduction="sum"
        )
        total = surprise + 0.5 * (parameters**2).sum()
        total.backward()
        return float(total.detach())

    with torch.enable_grad():
        optimizer.step(loss)
    log_slope, bias, length_bias = parameters.tolist()
    return Scaling(float(np.exp(-log_slope)), bias, length_bias)


def component(nlp: Language, name: str) -> BertNER:
    """The component of that name. Raises DataError if it is no `bert_ner`."""
    if name not in nlp.pipe_names:
        raise DataError(
            "the pipeline",
            f"No component '{name}' in the pipeline; it has {', '.join(nlp.pipe_names)}",
        )
    pipe = nlp.get_pipe(name)
    if not isinstance(pipe, BertNER):
        raise DataError(
            f"the component '{name}'",
            f"made by the factory '{nlp.get_pipe_meta(name).factory}'; only a 'bert_ner' has "
            "probabilities to calibrate",
        )
    return pipe


# Probabilities of spans, how many tokens each has, and which of them are entities.
Judged = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]


def _joined(parts: Iterable[Judged]) -> Judged:
    probabilities, tokens, right = zip(*parts)
    return np.concatenate(probabilities), np.concatenate(tokens), np.concatenate(right)


def log_loss(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood, in nats, of outcomes (n,) under their probabilities (n,)."""
    p = np.clip(probabilities, _EPSILON, 1 - _EPSILON)
    return float(-np.log(np.where(right, p, 1 - p)).sum() / max(1, len(p)))


def calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error (Naeini et al., 2015), over ten bins of equal width.

    The mean distance between the bins' average probability and share of right ones, weighted by
    the bins' sizes; 0 is perfect.
    """
    bins = bin_numbers(probabilities)
    promised = np.bincount(bins, weights=probabilities, minlength=BINS)
    kept = np.bincount(bins, weights=right, minlength=BINS)
    return float(np.abs(promised - kept).sum() / max(1, len(right)))


def scatter(probabilities: NDArray[np.float64], draws: int = 100) -> float:
    """The mean calibration error if each probability were true, for few outcomes scatter."""
    rng = np.random.default_rng(0)
    outcomes = rng.random((draws, len(probabilities))) < probabilities
    return float(np.mean([calibration_error(probabilities, outcome) for outcome in outcomes]))


def bin_numbers(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) – which of ten bins of equal width each probability falls into."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def _best_threshold(confidences: NDArray[np.float64], right: NDArray[np.bool_], gold: int) -> float:
    """The threshold of highest F1; of equally good ones, the one nearest to one half."""
    scores = []
    for threshold in _THRESHOLDS:
        kept = confidences >= threshold
        scores.append(_f1(int(right[kept].sum()), int(kept.sum()), gold))
    best = max(range(len(scores)), key=lambda i: (scores[i], -abs(_THRESHOLDS[i] - 0.5)))
    return round(float(_THRESHOLDS[best]), 2)


def _f1(right: int, found: int, gold: int) -> float:
    return 200 * right / max(1, found + gold)


class _Batch:
    """A batch of Docs through the component, and what of its predictions is right."""

    def __init__(self, ner: BertNER, examples: list[Example]) -> None:
        scores, lengths, roles = ner.tag_scores([example.predicted for example in examples])
        self._lattice = span_lattice(scores, lengths, roles, ner.scheme)
        self._path = ner.scheme.spans(decode(scores, lengths, roles, ner.scheme), lengths)
        self._label_names = ner.labels
        tags = [tag for example in examples for tag in example.get_aligned_ner()]
        self._annotated = np.array([tag not in (None, "-") for tag in tags], dtype=bool)
        self._wanted = set()
        offset = 0
        for example, length in zip(examples, lengths.tolist()):
            for ent in example.get_aligned_spans_y2x(example.reference.ents):
                self._wanted.add((offset + ent.start, offset + ent.end, ent.label_))
            offset += length
        self.gold = len(self._wanted)

    def best_path(self) -> Judged:
        """The entities of the likeliest tag sequences."""
        starts, ends, labels = self._judged(*self._path)
        by_label = self._lattice.label_probabilities(starts, ends)
        probabilities = by_label[np.arange(len(labels)), labels]
        return probabilities, ends - starts, self._right(starts, ends, labels)

    def likely(self, threshold: float, scaling: Scaling) -> Judged:
        """The entities of at least that confidence."""
        starts, ends, labels, probabilities = self._judged(
            *likely_entities(self._lattice, threshold, scaling)
        )
        return probabilities, ends - starts, self._right(starts, ends, labels)

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
            [(start, end, self._label_names[y]) in self._wanted for start, end, y in spans],
            dtype=bool,
        )


def _through(nlp: Language, examples: Iterable[Example], name: str) -> Iterator[list[Example]]:
    """Batches of the examples, their predicted Docs as the component finds them."""
    later = nlp.pipe_names[nlp.pipe_names.index(name) :]
    for batch in minibatch((eg for eg in examples if len(eg.predicted)), _BATCH):
        docs = nlp.pipe([example.predicted for example in batch], disable=later)
        for example, doc in zip(batch, docs):
            example.predicted = doc
        yield batch
