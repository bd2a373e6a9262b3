"""The encoder's shim: its network together with the tokenizer the network was trained with."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import AutoConfig, AutoModel

from ..shim import TorchShim
from .int8 import int8_copy
from .loading import prepare
from .network import EncoderNetwork
from .pieces import PieceCache
from .tokenizer import PieceTokenizer


class EncoderShim(TorchShim):
    """Holds tokenizer, piece cache and network of an encoder.

    int8: predict on a CPU with a copy whose linear layers compute in 8 bits; training and what is
        saved are of the network itself.
    """

    new_parameters = ("case_embedding",)

    def __init__(self, *, mixed_precision: bool, max_token_pieces: int, int8: bool = False) -> None:
        super().__init__(mixed_precision=mixed_precision)
        self.max_token_pieces = max_token_pieces
        self.int8 = int8
        self.cache: PieceCache | None = None
        self._int8_copy: EncoderNetwork | None = None

    def weights_changed(self) -> None:
        self._int8_copy = None

    def _for_prediction(self) -> EncoderNetwork:
        network = self.module
        if not self.int8 or network.device.type != "cpu":
            return network
        if self._int8_copy is None:
            self._int8_copy = int8_copy(network.eval())
        return self._int8_copy

    def set_encoder(self, tokenizer: PieceTokenizer, network: EncoderNetwork) -> None:
        self.cache = PieceCache(tokenizer, max_token_pieces=self.max_token_pieces)
        self.set_module(network)

    @property
    def pieces(self) -> PieceCache:
        if self.cache is None:
            raise ValueError(
                "The encoder has no tokenizer yet. Call nlp.initialize() or load a trained pipeline."
            )
        return self.cache

    @property
    def max_positions(self) -> int:
        """The longest sequence the encoder can take, special pieces included."""
        config = self.module.transformer.config
        limit = getattr(config, "max_position_embeddings", None) or 512
        # RoBERTa and MPNet number positions from padding_idx + 1 on; the first slots are lost.
        embeddings = getattr(self.module.transformer, "embeddings", None)
        padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
        return int(limit) - (padding + 1 if padding is not None else 0)

    def describe(self) -> dict[str, Any]:
        return {
            "transformer": self.module.transformer.config.to_dict(),
            "case_features": self.module.case_embedding is not None,
            "tokenizer": self.pieces.tokenizer.to_dict(),
        }

    def build(self, description: dict[str, Any]) -> nn.Module:
        settings = dict(description["transformer"])
        # The checkpoint's own dtype is a fact about the file, not about the network we run.
        settings.pop("torch_dtype", None)
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        self.cache = PieceCache(
            PieceTokenizer.from_dict(description["tokenizer"]),
            max_token_pieces=self.max_token_pieces,
        )
        return EncoderNetwork(
            AutoModel.from_config(prepare(config)), case_features=description["case_features"]
        )
