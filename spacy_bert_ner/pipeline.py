"""The `bert_ner` pipeline component."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, cast

import numpy as np
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

from .tagger.decode import TokenRole, decode
from .tagger.loss import tag_loss
from .tagger.scheme import MISSING, TagScheme

DEFAULT_CONFIG = """
[bert_ner]
scheme = "biluo"
incorrect_spans_key = null
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


@Language.factory(
    "bert_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config=Config().from_str(DEFAULT_CONFIG)["bert_ner"],
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_bert_ner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], Ragged],
    scheme: str,
    incorrect_spans_key: str | None,
    scorer: Callable | None,
) -> BertNER:
    """Make a `bert_ner` component; see `BertNER`."""
    return BertNER(
        nlp.vocab,
        model,
        name,
        scheme=scheme,
        incorrect_spans_key=incorrect_spans_key,
        scorer=scorer,
    )


class BertNER(TrainablePipe):
    """Named entities by token classification over a transformer (Devlin et al., 2019).

    A linear layer scores the tags of each token; the entities are those of the valid tag sequence
    of highest score. Entities that are on the Doc already are kept, and predictions fill the rest.

    vocab: the pipeline's shared vocabulary.
    model: from Docs to tag scores, a Ragged of (tokens, tags) with each Doc's length.
    name: the component's name in the pipeline.
    scheme: "biluo" or "iob".
    incorrect_spans_key: key in `reference.spans` of spans known to be no entities; null for none.
    scorer: the scoring method.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], Ragged],
        name: str = "bert_ner",
        *,
        scheme: str = "biluo",
        incorrect_spans_key: str | None = None,
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
        self._scheme: TagScheme | None = None

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

    def predict(self, docs: Iterable[Doc]) -> list[list[tuple[int, int, int]]]:
        """The entities of each Doc, as first token, one past the last, and index into `labels`."""
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [[] for _ in docs]
        scores = self.model.predict(docs)
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        tags = decode(xp2torch(scores.dataXd), lengths, _roles(docs), self.scheme)
        starts, ends, labels = self.scheme.spans(tags, lengths)
        return _by_doc(starts, ends, labels, lengths)

    def set_annotations(
        self, docs: Iterable[Doc], predictions: list[list[tuple[int, int, int]]]
    ) -> None:
        """Write the predicted entities, and O on every other token that had no annotation."""
        for doc, found in zip(docs, predictions):
            ents = [Span(doc, start, end, label=self.labels[label]) for start, end, label in found]
            iob = doc.to_array(ENT_IOB)
            if not ((iob == _IOB_INSIDE) | (iob == _IOB_BEGIN)).any():
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
        if losses is None:
            losses = {}
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "BertNER.update")
        docs = [example.predicted for example in examples]
        if not any(len(doc) for doc in docs):
            return losses
        set_dropout_rate(self.model, drop)
        scores, backprop = self.model.begin_update(docs)
        loss, d_scores = self.get_loss(examples, scores)
        backprop(Ragged(d_scores, scores.lengths))
        if sgd not in (None, False):
            self.finish_update(sgd)
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
) -> list[list[tuple[int, int, int]]]:
    """Sort batch-wide spans into their Docs, with the Docs' own token numbers."""
    doc_ends = np.cumsum(lengths)
    doc_starts = doc_ends - lengths
    owner = np.searchsorted(doc_ends, starts, side="right")
    found: list[list[tuple[int, int, int]]] = [[] for _ in lengths]
    local = zip(
        owner.tolist(),
        (starts - doc_starts[owner]).tolist(),
        (ends - doc_starts[owner]).tolist(),
        labels.tolist(),
    )
    for doc, start, end, label in local:
        found[doc].append((start, end, label))
    return found
