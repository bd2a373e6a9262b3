"""The optimizer that fine-tuning BERT calls for, behind thinc's optimizer interface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from thinc.api import Optimizer
from thinc.types import FloatsXd
from torch import Tensor

from .shim import TorchShim


class FineTuningOptimizer(Optimizer):
    """`spacy-bert-ner.AdamW.v1`: AdamW (Loshchilov and Hutter, 2019) over whole torch modules.

    All parameters of a module are updated by one call of torch's AdamW. Biases and LayerNorm
    weights, that is, parameters of one dimension, are not decayed. Parameters that start untrained
    get `head_factor` times the learning rate. Gradients are clipped by their global norm: the norm
    over all modules whose updates belong to one step.

    Parameters of thinc layers, such as those of a CNN tok2vec, are updated by thinc's own Adam, with
    the head's learning rate and clipped one by one.

    learn_rate: rate of the encoder, a number or a schedule.
    head_factor: head and new parameters learn at this multiple of `learn_rate`.
    weight_decay: decoupled decay of parameters of two dimensions or more.
    grad_clip: largest global norm of a step's gradients; 0 for no clipping.
    """

    def __init__(
        self,
        learn_rate: Any,
        *,
        head_factor: float = 10.0,
        weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        grad_clip: float = 1.0,
    ) -> None:
        super().__init__(
            learn_rate,
            L2=weight_decay,
            beta1=beta1,
            beta2=beta2,
            eps=eps,
            grad_clip=grad_clip,
            use_averages=False,
            L2_is_weight_decay=True,
        )
        self.head_factor = head_factor
        self._modules: dict[int, _ModuleState] = {}
        # Modules updated in the present step, and the factor that clips all of its gradients.
        self._updated: set[int] = set()
        self._clip: Tensor | None = None

    def __call__(
        self, key: tuple[int, str], weights: FloatsXd, gradient: FloatsXd, *, lr_scale: float = 1.0
    ) -> tuple[FloatsXd, FloatsXd]:
        return super().__call__(key, weights, gradient, lr_scale=lr_scale * self.head_factor)

    def step_schedules(self) -> None:
        self._updated.clear()
        super().step_schedules()

    def update_module(self, shim: TorchShim) -> None:
        """Update the module of a shim with its gradients, and clear these."""
        state = self._modules.get(shim.id)
        if state is None or not state.belongs_to(shim):
            state = self._modules[shim.id] = _ModuleState(shim, self)
        # Modules are updated one after another. When the first of a step comes, the gradients of
        # all are there, so the norm over all of them is taken then. spaCy marks the end of a step
        # by step_schedules; where a loop of one's own does not, a module's return marks it.
        if self.grad_clip and (not self._updated or shim.id in self._updated):
            self._updated.clear()
            self._clip = _clip_factor(
                (g for known in self._modules.values() for g in known.gradients()), self.grad_clip
            )
        self._updated.add(shim.id)
        state.step(self, self._clip if self.grad_clip else None)

    def module_state(self, shim: TorchShim) -> dict[str, Tensor]:
        """Moments and step counts of a shim's parameters, on the CPU; empty before any update."""
        state = self._modules.get(shim.id)
        return {} if state is None else state.tensors()

    def restore_module(self, shim: TorchShim, tensors: dict[str, Tensor]) -> None:
        """Go on from what `module_state` gave for the same network."""
        state = self._modules[shim.id] = _ModuleState(shim, self)
        state.restore(tensors)


class _ModuleState:
    """torch's AdamW over the parameters of one module.

    The optimizer works on aliases of the parameters (`.data`): spaCy updates a module between
    another batch's forward and backward pass when nlp.update() is given an optimizer, and autograd
    would refuse weights that it saw change.
    """

    def __init__(self, shim: TorchShim, settings: FineTuningOptimizer) -> None:
        self._parameters: list[torch.nn.Parameter] = []
        self._aliases: list[Tensor] = []
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        for name, parameter in shim.module.named_parameters():
            alias = parameter.data
            self._parameters.append(parameter)
            self._aliases.append(alias)
            is_new = name.startswith(shim.new_parameters)
            groups.setdefault((is_new, parameter.ndim > 1), []).append(alias)
        self._adamw = torch.optim.AdamW(
            [
                {
                    "params": members,
                    "weight_decay": settings.L2 if decays else 0.0,
                    "is_new": is_new,
                }
                for (is_new, decays), members in groups.items()
            ],
            lr=0.0,
            betas=(settings.b1, settings.b2),
            eps=settings.eps,
            fused=True,
        )

    def belongs_to(self, shim: TorchShim) -> bool:
        """Whether the shim still has the weights this state was made for."""
        parameters = list(shim.module.parameters())
        return len(parameters) == len(self._parameters) and all(
            mine is theirs and alias.data_ptr() == theirs.data_ptr()
            for mine, alias, theirs in zip(self._parameters, self._aliases, parameters)
        )

    def tensors(self) -> dict[str, Tensor]:
        return {
            f"{number}/{name}": tensor.detach().cpu().clone()
            for number, moments in self._adamw.state_dict()["state"].items()
            for name, tensor in moments.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            number, name = key.split("/")
            state.setdefault(int(number), {})[name] = tensor
        groups = self._adamw.state_dict()["param_groups"]
        self._adamw.load_state_dict({"state": state, "param_groups": groups})

    def gradients(self) -> Iterable[Tensor]:
        return (p.grad for p in self._parameters if p.grad is not None)

    def step(self, settings: FineTuningOptimizer, clip: Tensor | None) -> None:
        gradients = list(self.gradients())
        if clip is not None and gradients:
            torch._foreach_mul_(gradients, clip.to(gradients[0].device))
        for alias, parameter in zip(self._aliases, self._parameters):
            alias.grad = parameter.grad
        for group in self._adamw.param_groups:
            factor = settings.head_factor if group["is_new"] else 1.0
            group["lr"] = settings.learn_rate * factor
        self._adamw.step()
        for alias, parameter in zip(self._aliases, self._parameters):
            alias.grad = parameter.grad = None


def _clip_factor(gradients: Iterable[Tensor], max_norm: float) -> Tensor:
    """The factor that brings the norm over all gradients down to `max_norm`, or 1."""
    gradients = list(gradients)
    if not gradients:
        return torch.ones(())
    norm = torch.nn.utils.get_total_norm(gradients)
    return torch.clamp(max_norm / (norm + 1e-6), max=1.0)
