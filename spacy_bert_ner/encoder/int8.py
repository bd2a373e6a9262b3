"""Linear layers in 8-bit integers, for prediction on a CPU (Jacob et al., 2018)."""

from __future__ import annotations

import copy
import warnings
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def int8_copy(network: Network) -> Network:
    """A copy whose linear layers have int8 weights, and quantize their input at each call.

    Everything else, such as embeddings and LayerNorm, is shared with `network`, which stays as it is.
    Raises ValueError where this torch, or this processor, cannot do it.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    replica = copy.deepcopy(network, shared)
    try:
        with warnings.catch_warnings():
            # torch announces the end of this interface; its successor is no part of torch itself.
            warnings.simplefilter("ignore")
            return torch.ao.quantization.quantize_dynamic(
                replica, {nn.Linear}, dtype=torch.qint8, inplace=True
            )
    except (AttributeError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"int8 = true, but torch {torch.__version__} cannot compute in 8 bits here ({error}). "
            "Set int8 = false in [components.transformer.model]."
        ) from error
