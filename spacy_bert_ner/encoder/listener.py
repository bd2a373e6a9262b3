"""From the transformer's data on a Doc to the token vectors a component wants."""

from __future__ import annotations

from collections.abc import Callable

from spacy.tokens import Doc
from spacy_transformers.data_classes import TransformerData
from spacy_transformers.layers.listener import TransformerListener
from thinc.api import Model, chain
from thinc.types import Floats2d
from transformers.modeling_outputs import BaseModelOutput

from .vectors import TokenVectors


def build_listener(upstream: str, grad_factor: float) -> Model[list[Doc], list[Floats2d]]:
    """A stock TransformerListener with the pooling left out: the vectors are one a token already."""
    listener = TransformerListener(upstream_name=upstream)
    model: Model[list[Doc], list[Floats2d]] = chain(listener, token_vectors(grad_factor))
    model.set_ref("listener", listener)
    return model


def token_vectors(grad_factor: float) -> Model[list[TransformerData], list[Floats2d]]:
    """Take each Doc's (tokens, width) array out of its TransformerData."""
    return Model("token_vectors", forward, attrs={"grad_factor": grad_factor})


def forward(
    model: Model, data: list[TransformerData], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[TransformerData]]]:
    width = next((_width(d) for d in data if _has_vectors(d)), 0)
    vectors = []
    for doc_data in data:
        if isinstance(doc_data, TokenVectors):
            vectors.append(doc_data.vectors)
            continue
        if not _has_vectors(doc_data):
            vectors.append(model.ops.alloc2f(0, width))
            continue
        states = doc_data.model_output["last_hidden_state"]
        if len(doc_data.align.lengths) != states.shape[0] * states.shape[1]:
            raise ValueError(
                "spacy-bert-ner.TransformerListener needs one vector a token. Use the architecture "
                "spacy-bert-ner.TransformerModel.v1 in [components.transformer.model], or "
                "spacy-transformers.TransformerListener.v1 here."
            )
        vectors.append(states.reshape(-1, width))

    def backprop(d_vectors: list[Floats2d]) -> list[TransformerData]:
        # Empty Docs are left out, as spacy-transformers' own layer leaves them out: the transformer
        # adds up the gradients of several listeners by their position in these lists.
        factor = model.attrs["grad_factor"]
        return [
            TransformerData(
                wordpieces=doc_data.wordpieces,
                model_output=BaseModelOutput(last_hidden_state=(d * factor)[None]),
                align=doc_data.align,
            )
            for doc_data, d in zip(data, d_vectors)
            if _has_vectors(doc_data)
        ]

    return vectors, backprop


def _has_vectors(data: TransformerData) -> bool:
    return isinstance(data, TokenVectors) or "last_hidden_state" in data.model_output


def _width(data: TransformerData) -> int:
    return int(data.vectors.shape[1] if isinstance(data, TokenVectors) else data.width)
