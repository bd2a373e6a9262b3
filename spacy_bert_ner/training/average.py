"""Averaging the weights of pipelines: a model soup (Wortsman et al., 2022)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from spacy.language import Language
from thinc.api import get_current_ops, torch2xp, xp2torch
from torch import Tensor

from ..data.records import DataError
from ..pipeline import BertNER
from ..tagger.scaling import Scaling
from .weights import copy_weights, layer_parameters, shims, tensors, trainable


def average(first: Language, others: Iterable[tuple[str, Language]]) -> int:
    """Give a pipeline the mean of its own weights and those of others.

    All else, such as tokenizer and settings, stays that of the first. The mean is taken in float64.
    Calibration and what the meta data say of performance are dropped: both belong to the weights.

    others: name, for errors, and pipeline; each is read once and may be loaded on the way.
    Returns how many pipelines went into the mean. Raises DataError at the first difference in
    components, architectures, labels or shapes; `first` is as it was then.
    """
    sums = {
        name: tensor.double() for name, tensor in copy_weights(first).items() if _is_mean(tensor)
    }
    n = 1
    for name, other in others:
        _check(name, first, other)
        weights = copy_weights(other)
        for key in sums:
            sums[key] += weights[key].double()
        n += 1
    _set_weights(first, {name: total / n for name, total in sums.items()})
    first.meta["performance"] = {}
    for _, pipe in trainable(first):
        if isinstance(pipe, BertNER):
            pipe.scaling = Scaling()
    return n


def _is_mean(tensor: Tensor) -> bool:
    # Counters and position ids are whole numbers, the same everywhere.
    return tensor.is_floating_point()


def _set_weights(nlp: Language, means: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, shim in shims(nlp):
            for key, tensor in shim.module.state_dict().items():
                if f"{name}/{key}" in means:
                    tensor.copy_(means[f"{name}/{key}"])
            shim.weights_changed()
    ops = get_current_ops()
    for name, node, parameter in layer_parameters(nlp):
        if name in means:
            old = node.get_param(parameter)
            new: Any = ops.asarray(torch2xp(means[name].to(xp2torch(old).dtype)))
            node.set_param(parameter, new)


def _check(name: str, first: Language, other: Language) -> None:
    remedy = "Average pipelines that were trained from one config on one corpus"
    one, two = _description(first), _description(other)
    for what in one:
        if one[what] != two[what]:
            raise DataError(name, f"{what}: {two[what]} rather than {one[what]}", remedy)
    shapes = [{key: tuple(t.shape) for key, t in tensors(nlp)} for nlp in (first, other)]
    for key in sorted(shapes[0].keys() | shapes[1].keys()):
        here, there = (found.get(key) for found in shapes)
        if here != there:
            raise DataError(name, f"weights {key} of shape {there} rather than {here}", remedy)


def _description(nlp: Language) -> dict[str, Any]:
    found: dict[str, Any] = {"language": nlp.lang, "components": nlp.pipe_names}
    for name, pipe in trainable(nlp):
        found[f"factory of {name}"] = nlp.get_pipe_meta(name).factory
        found[f"labels of {name}"] = [str(label) for label in getattr(pipe, "labels", ())]
        found[f"tag scheme of {name}"] = getattr(pipe, "cfg", {}).get("scheme")
    for name, shim in shims(nlp):
        description = shim.describe()
        # Which words become which pieces: weights of one vocabulary mean nothing in another.
        found[f"tokenizer of {name}"] = _Digest(description.pop("tokenizer", None))
    return found


class _Digest:
    """Compares by content, and prints as less than a vocabulary."""

    def __init__(self, content: Any) -> None:
        self._content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Digest) and self._content == other._content

    def __repr__(self) -> str:
        return "another" if self._content is not None else "none"
