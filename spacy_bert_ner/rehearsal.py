"""Rehearsal: staying close to what a pipeline knew before further training (Robins, 1995)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Model, Optimizer, xp2torch
from torch import Tensor

from .optimizer import FineTuningOptimizer

# nlp.rehearse() does not say which pipeline it is of, and the encoder is a component of its own.
# Kept apart from the components, which must stay picklable.
_pipelines: WeakKeyDictionary[Any, ref[Language]] = WeakKeyDictionary()


def remember_pipeline(pipe: Any, nlp: Language) -> None:
    """Note which pipeline a component was made for."""
    _pipelines[pipe] = ref(nlp)


class Tutor:
    """A copy of a component's model, and of the encoder it listens to, as they were.

    model: the copy of the component's model that `nlp.resume_training()` makes.
    """

    def __init__(self, pipe: Any, model: Model) -> None:
        self.model = model
        upstream = _upstream(pipe)
        self._encoder = deepcopy(upstream.model) if upstream is not None else None
        self._optimizer: FineTuningOptimizer | None = None

    def scores(self, pipe: Any, docs: list[Doc]) -> Tensor:
        """(tokens, tags) scores of the tags there were when the copy was made."""
        docs = [doc.copy() for doc in docs]
        if self._encoder is not None:
            _upstream(pipe).set_annotations(docs, self._encoder.predict(docs))
        return xp2torch(self.model.predict(docs).dataXd).float()

    def optimizer(self, pipe: Any, sgd: Any) -> Any:
        """What updates the weights: `sgd` itself if it is an optimizer.

        nlp.rehearse() gives a function that collects gradients instead, and keeps only those of the
        last component, in random order, that has a method called rehearse: for a pipeline with a
        shared encoder, none at all half of the time. It does tell the learning rate.
        """
        if sgd in (None, False) or isinstance(sgd, Optimizer):
            return sgd
        if self._optimizer is None:
            nlp = _pipeline(pipe)
            main = None if nlp is None else nlp._optimizer
            self._optimizer = FineTuningOptimizer(
                sgd.learn_rate,
                head_factor=getattr(main, "head_factor", 1.0),
                weight_decay=0.0,
            )
        self._optimizer.learn_rate = sgd.learn_rate
        return self._optimizer

    def finish_step(self) -> None:
        if self._optimizer is not None:
            self._optimizer.step_schedules()


def imitation_loss(scores: Tensor, wanted: Tensor, counted: Tensor) -> tuple[float, Tensor]:
    """Mean cross-entropy between the tutor's tag distributions and the pupil's, and its gradient.

    scores: (tokens, tags) of the pupil. wanted: (tokens, fewer or as many tags) of the tutor; tags
    it does not have are left alone. counted: bool (tokens,) – tokens that matter.
    """
    known = wanted.shape[1]
    n = max(1, int(counted.sum()))
    target = torch.softmax(wanted, dim=1).to(scores.device)
    log_p = torch.log_softmax(scores[:, :known].float(), dim=1)
    weight = counted.to(scores.device)[:, None] / n
    gradient = torch.zeros_like(scores, dtype=torch.float32)
    gradient[:, :known] = (log_p.exp() - target) * weight
    return float(-(target * log_p * weight).sum()), gradient


@contextmanager
def encoder_in_training(
    pipe: Any, examples: list[Example], drop: float, sgd: Any
) -> Iterator[None]:
    """Run the encoder that `pipe` listens to, if any, on the examples, for a step of `pipe` alone.

    Within the context the component gets the encoder's output and can send gradients back; the
    encoder is updated at its end if `sgd` is given.
    """
    upstream = _upstream(pipe)
    if upstream is None:
        yield
        return
    listeners = upstream.listener_map
    # The encoder waits for its last listener before it goes backward.
    upstream.listener_map = {pipe.name: listeners[pipe.name]}
    try:
        upstream.update(examples, drop=drop, sgd=None, losses={})
        yield
    finally:
        upstream.listener_map = listeners
    if sgd not in (None, False):
        upstream.finish_update(sgd)


def _upstream(pipe: Any) -> Any:
    """The component whose encoder `pipe` listens to; None if it has its own.

    Raises ValueError if there is one, but out of reach.
    """
    if not any(hasattr(node, "upstream_name") for node in pipe.model.walk()):
        return None
    nlp = _pipeline(pipe)
    for _, other in nlp.pipeline if nlp is not None else ():
        if pipe.name in getattr(other, "listener_map", {}):
            return other
    raise ValueError(
        f"'{pipe.name}' listens to an encoder of another component, which is not to be found in the "
        "pipeline that the component was made for. Rehearse in that pipeline, or give the component "
        "an encoder of its own with nlp.replace_listeners()."
    )


def _pipeline(pipe: Any) -> Language | None:
    found = _pipelines.get(pipe)
    return None if found is None else found()
