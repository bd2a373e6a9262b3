"""Linear layers in 8-bit integers, for prediction on a CPU (Jacob et al., 2018)."""

from __future__ import annotations

import copy
import warnings
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def int8_copy(network: Network) -> Network:
    """A copy most of whose linear layers have int8 weights, and quantize their input at each call.

    Layers that narrow, as the second one of a feed-forward block, stay in float32: what an activation
    function leaves has outliers, beside which everything else would become zero. All that is not
    replaced, such as embeddings and LayerNorm, is shared with `network`, which stays as it is.
    Raises ValueError where this torch, or this processor, cannot do it.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    replica = copy.deepcopy(network, shared)
    try:
        with warnings.catch_warnings():
            # torch announces the end of this interface; its successor is no part of torch itself.
            warnings.simplefilter("ignore")
            # A scale for each row of weights: one for the whole matrix costs accuracy.
            rows = torch.ao.quantization.per_channel_dynamic_qconfig
            chosen = {
                name: rows
                for name, layer in replica.named_modules()
                if isinstance(layer, nn.Linear) and layer.in_features <= layer.out_features
            }
            return torch.ao.quantization.quantize_dynamic(replica, chosen, inplace=True)
    except (AttributeError, RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"int8 = true, but torch {torch.__version__} cannot compute in 8 bits here ({error}). "
            "Set int8 = false in [components.transformer.model]."
        ) from error
