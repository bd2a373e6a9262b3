"""The trainable parts of a pipeline under names that are the same in every process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from spacy.language import Language
from thinc.api import Model, Optimizer, get_current_ops, torch2xp, xp2torch
from torch import Tensor

from ..optimizer import FineTuningOptimizer
from ..shim import TorchShim


def trainable(nlp: Language) -> Iterator[tuple[str, Any]]:
    """Name and component of each part of the pipeline that has a model."""
    for name, pipe in nlp.pipeline:
        if getattr(pipe, "is_trainable", False) and isinstance(getattr(pipe, "model", None), Model):
            yield name, pipe


def nodes(nlp: Language) -> Iterator[tuple[str, Model]]:
    """Every layer of every component once, as "component/number"."""
    seen = set()
    for name, pipe in trainable(nlp):
        for number, node in enumerate(pipe.model.walk()):
            if node.id not in seen:
                seen.add(node.id)
                yield f"{name}/{number}", node


def shims(nlp: Language) -> Iterator[tuple[str, TorchShim]]:
    """The torch networks, as "component/number/shim"."""
    for name, node in nodes(nlp):
        for number, shim in enumerate(node.shims):
            if isinstance(shim, TorchShim) and shim.has_module:
                yield f"{name}/{number}", shim


def layer_parameters(nlp: Language) -> Iterator[tuple[str, Model, str]]:
    """Name, layer and parameter's name of what thinc itself holds, as "component/number:W"."""
    for name, node in nodes(nlp):
        for parameter in node.param_names:
            if node.has_param(parameter):
                yield f"{name}:{parameter}", node, parameter


def tensors(nlp: Language) -> Iterator[tuple[str, Tensor]]:
    """All weights under their names, not copied."""
    for name, shim in shims(nlp):
        for key, tensor in shim.module.state_dict().items():
            yield f"{name}/{key}", tensor
    for name, node, parameter in layer_parameters(nlp):
        yield name, xp2torch(node.get_param(parameter))


def copy_weights(nlp: Language) -> dict[str, Tensor]:
    """Copies of all weights, on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors(nlp)}


def optimizer_state(nlp: Language, optimizer: Optimizer) -> dict[str, Tensor]:
    """What the optimizer has gathered so far, by names of this module."""
    state: dict[str, Tensor] = {}
    if isinstance(optimizer, FineTuningOptimizer):
        for name, shim in shims(nlp):
            for part, tensor in optimizer.module_state(shim).items():
                state[f"torch/{name}/{part}"] = tensor
    for name, key in _keys(nlp):
        if key in optimizer.nr_update:
            state[f"thinc/updates/{name}"] = torch.tensor(optimizer.nr_update[key])
        for kind in ("mom1", "mom2", "averages"):
            arrays = getattr(optimizer, kind) or {}
            if key in arrays:
                state[f"thinc/{kind}/{name}"] = xp2torch(arrays[key]).cpu().clone()
    return state


def restore_optimizer(nlp: Language, optimizer: Optimizer, state: dict[str, Tensor]) -> None:
    """Give an optimizer what `optimizer_state` has taken from one like it."""
    if isinstance(optimizer, FineTuningOptimizer):
        for name, shim in shims(nlp):
            prefix = f"torch/{name}/"
            of_module = {
                key.removeprefix(prefix): tensor
                for key, tensor in state.items()
                if key.startswith(prefix)
            }
            if of_module:
                optimizer.restore_module(shim, of_module)
    ops = get_current_ops()
    for name, key in _keys(nlp):
        if f"thinc/updates/{name}" in state:
            optimizer.nr_update[key] = int(state[f"thinc/updates/{name}"])
        for kind in ("mom1", "mom2", "averages"):
            if f"thinc/{kind}/{name}" in state:
                array = torch2xp(state[f"thinc/{kind}/{name}"].clone())
                getattr(optimizer, kind)[key] = ops.asarray(array)


def _keys(nlp: Language) -> Iterator[tuple[str, tuple[int, str]]]:
    """What thinc's optimizers know a parameter by: numbers that another process gives anew."""
    for name, node, parameter in layer_parameters(nlp):
        yield name, (node.id, parameter)
    for name, shim in shims(nlp):
        for parameter, _ in shim.module.named_parameters():
            yield f"{name}:{parameter}", (shim.id, parameter)
