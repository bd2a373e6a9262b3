"""The bridge between a torch module and thinc, for the encoder and the head alike."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import srsly
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from thinc.api import get_torch_default_device, torch2xp, xp2torch
from thinc.shims.shim import Shim
from torch import Tensor, nn

# nlp.pipe(n_process=...) forks on Linux. torch's thread pool does not survive a fork, and the child
# would wait for it for ever; with one thread it has no need of the pool.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


class TorchShim(Shim):
    """Runs a torch module that takes anything and returns one tensor.

    It differs from thinc's PyTorchShim where that does not serve fine-tuning: bf16 autocast needs
    no gradient scaler, an optimizer that knows torch modules updates all parameters at once, and
    weights are stored as safetensors beside a plain description of the module, so that loading
    never unpickles.

    Subclasses say how a module is described (`describe`) and rebuilt (`build`). The module is
    None until it is initialized or loaded.

    new_parameters: prefixes of the names of parameters that start untrained; the optimizer may
    give these a learning rate of their own.
    """

    new_parameters: tuple[str, ...] = ()

    def __init__(self, *, mixed_precision: bool = False) -> None:
        super().__init__(None)
        self.mixed_precision = mixed_precision

    @property
    def module(self) -> Any:
        if self._model is None:
            raise ValueError(
                "The network has no weights yet. Call nlp.initialize() before training, or load a "
                "trained pipeline with spacy.load()."
            )
        return self._model

    @property
    def has_module(self) -> bool:
        return self._model is not None

    def set_module(self, module: nn.Module) -> None:
        """Take over a module and move it to the device thinc works on."""
        # In one mode throughout: encoders come from disk in evaluation mode, fresh modules do not,
        # and the mode of the whole is what `predict` and `begin_update` look at.
        self._model = module.to(get_torch_default_device()).eval()
        self.weights_changed()

    def describe(self) -> dict[str, Any]:
        """What `build` needs, of types that JSON knows."""
        raise NotImplementedError(f"{type(self).__name__}.describe")

    def build(self, description: dict[str, Any]) -> nn.Module:
        """A module of the described shape, its weights yet to be loaded."""
        raise NotImplementedError(f"{type(self).__name__}.build")

    def __call__(self, inputs: tuple, is_train: bool) -> tuple[Tensor, Callable[[Tensor], None]]:
        """Run `module(*inputs)`; the callback takes the gradient of the output."""
        if is_train:
            return self.begin_update(inputs)
        return self.predict(inputs), _no_backprop

    def predict(self, inputs: tuple) -> Tensor:
        module = self._for_prediction()
        if module.training:
            module.eval()
        with torch.inference_mode(), self._autocast():
            return module(*inputs)

    def _for_prediction(self) -> Any:
        """The module that `predict` runs."""
        return self.module

    def weights_changed(self) -> None:
        """Told whenever the weights are about to change, or have."""

    def begin_update(self, inputs: tuple) -> tuple[Tensor, Callable[[Tensor], None]]:
        self.weights_changed()
        module = self.module
        if not module.training:
            module.train()
        with torch.enable_grad(), self._autocast():
            output = module(*inputs)

        def backprop(d_output: Tensor) -> None:
            if output.requires_grad:
                torch.autograd.backward(output, grad_tensors=d_output)

        return output.detach(), backprop

    def _autocast(self) -> contextlib.AbstractContextManager:
        device = next(self.module.parameters()).device
        if self.mixed_precision and device.type == "cuda" and torch.cuda.is_bf16_supported():
            return torch.autocast("cuda", dtype=torch.bfloat16)
        return contextlib.nullcontext()

    def finish_update(self, optimizer: Any) -> None:
        """Update the weights with the gradients collected, and clear these."""
        if hasattr(optimizer, "update_module"):
            optimizer.update_module(self)
            return
        # Any other thinc optimizer: one call for each parameter, as thinc's own shim does.
        for name, parameter in self.module.named_parameters():
            if parameter.grad is None:
                continue
            updated, _ = optimizer(
                (self.id, name), torch2xp(parameter.data), torch2xp(parameter.grad)
            )
            parameter.data = xp2torch(updated, device=parameter.device)
            parameter.grad = None

    @contextlib.contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        """Weights are not averaged by the optimizer, so there is nothing to swap in."""
        yield

    def to_device(self, device_type: str, device_id: int) -> None:
        if self._model is not None:
            name = f"cuda:{device_id}" if device_type == "gpu" else "cpu"
            self._model.to(torch.device(name))

    def to_bytes(self) -> bytes:
        message: dict[str, Any] = {"description": None, "weights": None}
        if self._model is not None:
            weights = {
                k: v.detach().cpu().contiguous() for k, v in self._model.state_dict().items()
            }
            message = {"description": self.describe(), "weights": save_safetensors(weights)}
        return srsly.msgpack_dumps(message)

    def from_bytes(self, data: bytes) -> TorchShim:
        message = srsly.msgpack_loads(data)
        if message["weights"] is None:
            self._model = None
            return self
        module = self.build(message["description"])
        module.load_state_dict(load_safetensors(message["weights"]))
        self.set_module(module)
        return self


def _no_backprop(d_output: Tensor) -> None:
    raise ValueError("A prediction has no gradient. Use begin_update() to train.")
