"""The thinc layer for spacy-transformers' `transformer` factory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spacy.tokens import Doc
from spacy_transformers.data_classes import FullTransformerBatch
from spacy_transformers.layers.split_trf import split_trf_batch
from thinc.api import Model, chain, torch2xp, xp2torch

from .batch import make_buckets
from .loading import load_pretrained
from .network import EncoderNetwork
from .pieces import PieceCache
from .shim import EncoderShim
from .vectors import TokenVectorBatch

# How windows are packed into forward passes. A CPU is fastest while the activations stay in its
# cache, and it pays for every padded cell; a GPU wants enough rows to fill it.
CPU_PACKING = {"max_padded": 2_048, "max_waste": 32}
GPU_PACKING = {"max_padded": 65_536, "max_waste": 512}

# Attention costs grow with the square of the window, so a long-context encoder does not get its
# full length unless the config asks for it.
DEFAULT_WINDOW = 512

TransformerModel = Model[list[Doc], FullTransformerBatch]


@dataclass(frozen=True)
class EncoderSettings:
    """The settings of `spacy-bert-ner.TransformerModel.v1`, where they are explained."""

    name: str
    window: int | None = None
    overlap: int = 64
    passage: int | None = None
    case_features: bool | None = None
    max_token_pieces: int = 32
    mixed_precision: bool = True
    int8: bool = False
    transformer_config: dict[str, Any] = field(default_factory=dict)


def build_transformer_model(settings: EncoderSettings) -> TransformerModel:
    """The layer behind `spacy-bert-ner.TransformerModel.v1`, without weights as yet."""
    if settings.passage is not None and settings.passage < 0:
        raise ValueError(
            f"passage = {settings.passage} is no number of pieces. Give 0 for single sentences, or null "
            "for whole documents."
        )
    shim = EncoderShim(
        mixed_precision=settings.mixed_precision,
        max_token_pieces=settings.max_token_pieces,
        int8=settings.int8,
    )
    return Model(
        "bert_ner_transformer",
        forward,
        init=init,
        dims={"nO": None},
        shims=[shim],
        attrs={
            # Not stored with the weights: a loaded pipeline follows its config.cfg.
            "settings": settings,
            "replace_listener": replace_listener,
            "replace_listener_cfg": replace_listener_cfg,
        },
    )


def init(model: TransformerModel, X: Any = None, Y: Any = None) -> None:
    """Read the pretrained weights, unless the layer has some already."""
    shim = _shim(model)
    if not shim.has_module:
        settings = _settings(model)
        tokenizer, transformer = load_pretrained(settings.name, settings.transformer_config)
        case_features = settings.case_features
        if case_features is None:
            case_features = tokenizer.lowercases
        shim.set_encoder(tokenizer, EncoderNetwork(transformer, case_features=case_features))
        _check_window(model)
    if model.has_dim("nO") is None:
        model.set_dim("nO", shim.module.width)


def forward(
    model: TransformerModel, docs: list[Doc], is_train: bool
) -> tuple[FullTransformerBatch, Callable[[FullTransformerBatch], list[Doc]]]:
    shim = _shim(model)
    pieces = shim.pieces.pieces(docs)
    buckets = make_buckets(
        pieces,
        shim.pieces.tokenizer,
        window_pieces=window_pieces(model),
        overlap=_settings(model).overlap,
        passage_pieces=_settings(model).passage,
        **(GPU_PACKING if shim.module.device.type == "cuda" else CPU_PACKING),
    )
    vectors, backprop_vectors = shim((buckets, len(pieces.counts)), is_train)
    batch = TokenVectorBatch.from_vectors(torch2xp(vectors), pieces.doc_lengths)

    def backprop(d_batch: FullTransformerBatch) -> list[Doc]:
        gradient = d_batch.model_output["last_hidden_state"]
        backprop_vectors(xp2torch(gradient, device=shim.module.device))
        return docs

    return batch, backprop


def window_pieces(model: TransformerModel) -> int:
    """Pieces of a window, special ones included: the setting as far as the encoder can take it."""
    return min(_settings(model).window or DEFAULT_WINDOW, _shim(model).max_positions)


def piece_budget(model: TransformerModel) -> int:
    """Pieces of a window without the special ones."""
    tokenizer = piece_cache(model).tokenizer
    return window_pieces(model) - len(tokenizer.prefix) - len(tokenizer.suffix)


def piece_cache(model: TransformerModel) -> PieceCache:
    """What makes word pieces of Docs. Raises ValueError if the layer has no encoder yet."""
    return _shim(model).pieces


def _check_window(model: TransformerModel) -> None:
    shim = _shim(model)
    budget = piece_budget(model)
    overlap = _settings(model).overlap
    if shim.max_token_pieces > budget:
        raise ValueError(
            f"max_token_pieces = {shim.max_token_pieces} does not fit a window of {budget} pieces. "
            "Lower max_token_pieces or raise window."
        )
    if not 0 <= overlap <= budget // 2:
        raise ValueError(
            f"overlap = {overlap} must lie between 0 and half of a window's {budget} pieces."
        )


def replace_listener(model: TransformerModel) -> Model:
    """What stands in a listener's place when it gets a copy of the encoder of its own."""
    return chain(model, split_trf_batch())


def replace_listener_cfg(
    transformer_cfg: dict[str, Any], listener_cfg: dict[str, Any]
) -> dict[str, Any]:
    """The config of a component whose listener was replaced."""
    result = dict(transformer_cfg)
    result["@architectures"] = "spacy-bert-ner.Tok2VecTransformer.v1"
    for key in ("pooling", "grad_factor"):
        if key in listener_cfg:
            result[key] = listener_cfg[key]
    return result


def _settings(model: TransformerModel) -> EncoderSettings:
    return model.attrs["settings"]


def _shim(model: TransformerModel) -> EncoderShim:
    shim = model.shims[0]
    assert isinstance(shim, EncoderShim)
    return shim
