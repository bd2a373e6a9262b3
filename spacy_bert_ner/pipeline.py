"""The `bert_ner` pipeline component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE, IS_SPACE
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate, torch2xp, xp2torch
from thinc.types import Floats2d, Ragged
from torch import Tensor

from . import settings
from .confidence import write_scores
from .rehearsal import Tutor, encoder_in_training, imitation_loss, remember_pipeline
from .tagger.decode import TokenRole, decode
from .tagger.lattice import span_lattice
from .tagger.loss import tag_loss
from .tagger.scaling import Scaling
from .tagger.scheme import MISSING, TagScheme
from .tagger.select import likely_entities

DEFAULT_CONFIG = """
[bert_ner]
scheme = "biluo"
incorrect_spans_key = null
confidence = false
threshold = null
best_labels = 0
spans_key = "bert_ner"
scorer = {"@scorers":"spacy.ner_scorer.v1"}

[bert_ner.model]
@architectures = "spacy-bert-ner.TokenClassifier.v1"
dropout = 0.1

[bert_ner.model.tok2vec]
@architectures = "spacy-bert-ner.TransformerListener.v1"
upstream = "*"
grad_factor = 1.0
"""

_IOB_INSIDE, _IOB_OUTSIDE, _IOB_BEGIN = 1, 2, 3
_SAMPLE = 10
# Settings that a pipeline's user may change, by attribute or when it is loaded.
_ADJUSTABLE = ("confidence", "threshold", "best_labels", "spans_key")


@Language.factory(
    "bert_ner",
    assigns=["doc.ents", "doc.spans", "token.ent_iob", "token.ent_type"],
    default_config=Config().from_str(DEFAULT_CONFIG)["bert_ner"],
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_bert_ner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Ragged],
    scheme: str,
    incorrect_spans_key: str | None,
    confidence: bool,
    threshold: float | None,
    best_labels: int,
    spans_key: str,
    scorer: Callable | None,
) -> BertNER:
    """Make a `bert_ner` component; see `BertNER`."""
    component = BertNER(
        nlp.vocab,
        model,
        name,
        scheme=scheme,
        incorrect_spans_key=incorrect_spans_key,
        confidence=confidence,
        threshold=threshold,
        best_labels=best_labels,
        spans_key=spans_key,
        scorer=scorer,
    )
    remember_pipeline(component, nlp)
    return component


@dataclass(frozen=True)
class FoundEntities:
    """What the component predicts for one Doc.

    spans: first token, one past the last, and index into `labels`, in the order of the text.
    scores: float32 (spans,) – probabilities; None if the component was not asked for them.
    best_labels: the likeliest labels of each span, best first; None if not asked for.
    """

    spans: list[tuple[int, int, int]]
    scores: NDArray[np.float32] | None = None
    best_labels: list[list[tuple[str, float]]] | None = None


class BertNER(TrainablePipe):
    """Named entities by token classification over a transformer (Devlin et al., 2019).

    A linear layer scores the tags of each token; the entities are those of the valid tag sequence
    of highest score or, with a threshold, all spans that are likely enough. Entities that are on
    the Doc already are kept, and predictions fill the rest.

    vocab: the pipeline's shared vocabulary.
    model: from Docs to tag scores, a Ragged of (tokens, tags) with each Doc's length.
    name: the component's name in the pipeline.
    scheme: "biluo" or "iob".
    incorrect_spans_key: key in `reference.spans` of spans known to be no entities; null for none.
    confidence: put the entities with the probability of each into `doc.spans[spans_key]`, whose
        `attrs["scores"]` `ent._.confidence` reads.
    threshold: the least probability of an entity. Low values find more entities, high values fewer
        wrong ones. Null for the entities of the likeliest tag sequence, whatever their probability.
    best_labels: that many likeliest labels of each entity's span, with probabilities, for
        `ent._.best_labels`; needs `confidence`.
    spans_key: where the entities with their probabilities go.
    scorer: the scoring method.

    `confidence`, `threshold`, `best_labels` and `spans_key` are attributes as well, to be changed at
    any time. So are `temperature`, `bias` and `length_bias`, which turn the model's probabilities
    into confidences (see `tagger.scaling`); `spacy bert-ner calibrate` sets them.
    """

    confidence = settings.Setting(bool)
    threshold = settings.Setting(settings.threshold)
    best_labels = settings.Setting(settings.best_labels)
    spans_key = settings.Setting(settings.spans_key)
    temperature = settings.Setting(settings.temperature)
    bias = settings.Setting(settings.bias)
    length_bias = settings.Setting(settings.bias)

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Ragged],
        name: str = "bert_ner",
        *,
        scheme: str = "biluo",
        incorrect_spans_key: str | None = None,
        confidence: bool = False,
        threshold: float | None = None,
        best_labels: int = 0,
        spans_key: str = "bert_ner",
        scorer: Callable | None = None,
    ) -> None:
        TagScheme([], scheme)  # refuses an unknown scheme now rather than at the first batch
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {
            "labels": [],
            "scheme": scheme,
            "incorrect_spans_key": incorrect_spans_key,
        }
        self.confidence = confidence
        self.threshold = threshold
        self.best_labels = best_labels
        self.spans_key = spans_key
        self.temperature = 1.0
        self.bias = 0.0
        self.length_bias = 0.0
        self.cfg["configured"] = self._adjustable()
        self._scheme: TagScheme | None = None
        self._tutor: Tutor | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity labels, in the order of the classifier's rows."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """What `spacy init labels` writes and `initialize` takes."""
        return list(self.labels)

    @property
    def scheme(self) -> TagScheme:
        """The tags of the present labels."""
        if self._scheme is None or self._scheme.labels != self.labels:
            self._scheme = TagScheme(self.labels, self.cfg["scheme"])
        return self._scheme

    @property
    def scaling(self) -> Scaling:
        """What turns the model's probabilities into confidences."""
        return Scaling(self.temperature, self.bias, self.length_bias)

    @scaling.setter
    def scaling(self, scaling: Scaling) -> None:
        self.temperature, self.bias = scaling.temperature, scaling.bias
        self.length_bias = scaling.length_bias

    def _adjustable(self) -> dict[str, Any]:
        return {name: self.cfg[name] for name in _ADJUSTABLE}

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> BertNER:
        given = self._adjustable()
        super().from_bytes(bytes_data, exclude=exclude)
        self._heed(given)
        return self

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> BertNER:
        given = self._adjustable()
        super().from_disk(path, exclude=exclude)
        self._heed(given)
        return self

    def _heed(self, given: dict[str, Any]) -> None:
        """Let settings given to spacy.load() prevail over the stored ones."""
        # A pipeline's config.cfg holds what its component was made with; `cfg` also what was changed
        # later. Only where the config differs from the one stored has someone asked for it now.
        stored = self.cfg.get("configured", {})
        for name, value in given.items():
            if not settings.same(value, stored.get(name, value)):
                setattr(self, name, value)
        self.cfg["configured"] = given

    def add_label(self, label: str) -> int:
        """Add an entity label; its tags start untrained, those of the other labels stay as they are.

        Returns 1, or 0 if the component has the label already.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if label in self.labels:
            return 0
        if not label or label != label.strip():
            raise ValueError(f"An entity label must be a name without outer spaces, got {label!r}.")
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        if self.model.get_ref("head").has_dim("nO"):
            self.model.attrs["resize_output"](self.model, len(self.scheme))
        return 1

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
    ) -> None:
        """Find the labels in the examples, unless they are given, and set up the classifier.

        get_examples: returns a representative sample of gold-standard examples.
        labels: the labels, as `spacy init labels` writes them.
        Raises ValueError if there is no label.
        """
        validate_get_examples(get_examples, "BertNER.initialize")
        if labels is None:
            found = {ent.label_ for example in get_examples() for ent in example.reference.ents}
            labels = sorted(found)
        for label in labels:
            self.add_label(label)
        if not self.labels:
            raise ValueError(
                f"No entities in the training data, so there is nothing for '{self.name}' to learn. "
                "Check that the corpus has doc.ents set, or give the labels under "
                f"[initialize.components.{self.name}]."
            )
        if not self.model.get_ref("head").has_dim("nO"):
            self.model.get_ref("head").set_dim("nO", len(self.scheme))
        sample = [example.predicted for example in islice(get_examples(), _SAMPLE)]
        sample = [doc for doc in sample if len(doc)] or [Doc(self.vocab, words=["word"])]
        self.model.initialize(X=sample)

    def predict(self, docs: Iterable[Doc]) -> list[FoundEntities]:
        """The entities of each Doc."""
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [FoundEntities([]) for _ in docs]
        scores, lengths, roles = self.tag_scores(docs)
        lattice = None
        if self.confidence or self.threshold is not None:
            lattice = span_lattice(scores, lengths, roles, self.scheme)
        if lattice is None or self.threshold is None:
            tags = decode(scores, lengths, roles, self.scheme)
            starts, ends, labels = self.scheme.spans(tags, lengths)
        else:
            starts, ends, labels, _ = likely_entities(lattice, self.threshold, self.scaling)
            order = np.argsort(starts)
            starts, ends, labels = starts[order], ends[order], labels[order]
        if lattice is None or not self.confidence:
            return _by_doc(starts, ends, labels, lengths)
        probabilities = self.scaling.confidences(
            lattice.label_probabilities(starts, ends), (ends - starts)[:, None]
        )
        return _by_doc(starts, ends, labels, lengths, probabilities, self._best(probabilities))

    def tag_scores(self, docs: list[Doc]) -> tuple[Tensor, NDArray[np.int64], NDArray[np.int64]]:
        """What decoding starts from, for Docs of which one at least has tokens.

        Returns float (tokens, tags) scores of all Docs end to end, (docs,) lengths, and (tokens,)
        `TokenRole`s.
        """
        scores = self.model.predict(docs)
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        return xp2torch(scores.dataXd), lengths, _roles(docs)

    def _best(self, probabilities: NDArray[np.float64]) -> list[list[tuple[str, float]]] | None:
        if not self.best_labels:
            return None
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, : self.best_labels]
        return [
            [(self.labels[label], float(row[label])) for label in best]
            for row, best in zip(probabilities, order.tolist())
        ]

    def set_annotations(self, docs: Iterable[Doc], predictions: list[FoundEntities]) -> None:
        """Write the predicted entities, and O on every other token that had no annotation."""
        for doc, found in zip(docs, predictions):
            ents = [
                Span(doc, start, end, label=self.labels[label]) for start, end, label in found.spans
            ]
            if self.confidence:
                scores = np.zeros(0, dtype="f") if found.scores is None else found.scores
                write_scores(doc, self.spans_key, ents, scores, found.best_labels)
            if not doc.has_annotation("ENT_IOB") or not _is_preset(doc):
                doc.set_ents(ents, default="outside")
                continue
            # Entities and blocked tokens that were there stay untouched, with their ids.
            doc.set_ents(ents, default="unmodified")
            unset = np.flatnonzero(doc.to_array(ENT_IOB) == 0).tolist()
            doc.set_ents([], outside=[doc[i : i + 1] for i in unset], default="unmodified")

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Learn from a batch of examples.

        drop: dropout before the linear layer.
        losses: record of the mean cross-entropy of a token, added up under the component's name.
        """
        examples, docs, losses = self._start_step(examples, losses, "BertNER.update")
        if not docs:
            return losses
        set_dropout_rate(self.model, drop)
        scores, backprop = self.model.begin_update(docs)
        loss, d_scores = self.get_loss(examples, scores)
        backprop(Ragged(d_scores, scores.lengths))
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def _start_step(
        self, examples: Iterable[Example], losses: dict[str, float] | None, caller: str
    ) -> tuple[list[Example], list[Doc], dict[str, float]]:
        """The examples, their Docs, none if none has tokens, and the record of losses."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, caller)
        docs = [example.predicted for example in examples]
        return examples, docs if any(len(doc) for doc in docs) else [], losses

    @property
    def _rehearsal_model(self) -> Model | None:
        return None if self._tutor is None else self._tutor.model

    @_rehearsal_model.setter
    def _rehearsal_model(self, model: Model | None) -> None:
        # nlp.resume_training() sets this to a copy of the model.
        self._tutor = None if model is None else Tutor(self, model)

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optimizer | None = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Move the model, and its encoder, towards what it predicted when training was resumed.

        The examples' own annotations are not looked at. Call `nlp.resume_training()` first.
        losses: record of the mean cross-entropy of a token, added up under the component's name.
        """
        if self._tutor is None:
            raise ValueError(
                f"'{self.name}' has nothing to rehearse. Call nlp.resume_training() first: it keeps a "
                "copy of the model as it is, which nlp.rehearse() then stays close to."
            )
        examples, docs, losses = self._start_step(examples, losses, "BertNER.rehearse")
        if not docs:
            return losses
        sgd = self._tutor.optimizer(self, sgd)
        wanted = self._tutor.scores(self, docs)
        counted = torch.from_numpy(np.concatenate([doc.to_array(IS_SPACE) for doc in docs]) == 0)
        with encoder_in_training(self, examples, drop, sgd):
            set_dropout_rate(self.model, drop)
            scores, backprop = self.model.begin_update(docs)
            loss, gradient = imitation_loss(xp2torch(scores.dataXd), wanted, counted)
            backprop(Ragged(cast(Floats2d, torch2xp(gradient)), scores.lengths))
        if sgd not in (None, False):
            self.finish_update(sgd)
            self._tutor.finish_step()
        losses[self.name] += loss
        return losses

    def get_loss(self, examples: Iterable[Example], scores: Ragged) -> tuple[float, Floats2d]:
        """Mean cross-entropy of the annotated tokens, and its gradient of the scores' shape."""
        gold = []
        incorrect = []
        offset = 0
        for example in examples:
            tags = self.scheme.encode(example.get_aligned_ner())
            tags[example.predicted.to_array(IS_SPACE) != 0] = MISSING
            gold.append(tags)
            for span in self._incorrect_spans(example):
                tags_of_span = self.scheme.span_tags(len(span), span.label_)
                incorrect.append((offset + span.start, tags_of_span))
            offset += len(tags)
        loss, gradient = tag_loss(xp2torch(scores.dataXd), np.concatenate(gold), incorrect)
        return loss, cast(Floats2d, torch2xp(gradient))

    def _incorrect_spans(self, example: Example) -> Iterator[Span]:
        key = self.cfg["incorrect_spans_key"]
        if key is None or key not in example.reference.spans:
            return
        right = {
            (ent.start, ent.end, ent.label_)
            for ent in example.get_aligned_spans_y2x(example.reference.ents, allow_overlap=False)
        }
        for span in example.get_aligned_spans_y2x(example.reference.spans[key], allow_overlap=True):
            if (span.start, span.end, span.label_) in right:
                raise ValueError(
                    Errors.E868.format(span=(span.start_char, span.end_char, span.label_))
                )
            if span.label_ in self.labels:
                yield span


def _is_preset(doc: Doc) -> bool:
    """Whether an earlier component has set an entity or blocked a token."""
    iob = doc.to_array(ENT_IOB)
    return bool(((iob == _IOB_INSIDE) | (iob == _IOB_BEGIN)).any())


def _roles(docs: list[Doc]) -> NDArray[np.int64]:
    """The `TokenRole` of every token of the batch."""
    columns = np.concatenate([doc.to_array([ENT_IOB, ENT_TYPE, IS_SPACE]) for doc in docs])
    iob, space = columns[:, 0], columns[:, 2]
    roles = np.where(space != 0, int(TokenRole.WHITESPACE), int(TokenRole.FREE))
    # Entities of an earlier component, and tokens it has blocked (B without a label). Tokens that
    # it found to be outside are free, as for spaCy's own `ner`.
    roles[(iob == _IOB_BEGIN) | (iob == _IOB_INSIDE)] = TokenRole.OUTSIDE
    return roles


def _by_doc(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    labels: NDArray[np.int64],
    lengths: NDArray[np.int64],
    probabilities: NDArray[np.float64] | None = None,
    best_labels: list[list[tuple[str, float]]] | None = None,
) -> list[FoundEntities]:
    """Sort batch-wide spans, given in order, into their Docs, with the Docs' own token numbers."""
    doc_ends = np.cumsum(lengths)
    owner = np.searchsorted(doc_ends, starts, side="right")
    offset = (doc_ends - lengths)[owner]
    spans = list(zip((starts - offset).tolist(), (ends - offset).tolist(), labels.tolist()))
    bounds = np.searchsorted(owner, np.arange(len(lengths) + 1)).tolist()
    parts = [slice(start, end) for start, end in pairwise(bounds)]
    if probabilities is None:
        return [FoundEntities(spans[part]) for part in parts]
    scores = probabilities[np.arange(len(labels)), labels].astype("f")
    return [
        FoundEntities(spans[part], scores[part], None if best_labels is None else best_labels[part])
        for part in parts
    ]
