"""What a config.cfg can name: the registered architectures of the encoder."""

from __future__ import annotations

from typing import Any

from spacy.tokens import Doc
from spacy_transformers.data_classes import FullTransformerBatch
from spacy_transformers.layers.split_trf import split_trf_batch
from spacy_transformers.layers.trfs2arrays import trfs2arrays
from thinc.api import Model, chain
from thinc.types import Floats2d, Ragged

from .listener import build_listener, token_vectors
from .model import EncoderSettings, build_transformer_model


def build_transformer_model_v1(
    name: str,
    window: int | None = None,
    overlap: int = 64,
    case_features: bool | None = None,
    max_token_pieces: int = 32,
    mixed_precision: bool = True,
    transformer_config: dict[str, Any] | None = None,
    int8: bool = False,
    passage: int | None = None,
) -> Model[list[Doc], FullTransformerBatch]:
    """`spacy-bert-ner.TransformerModel.v1`: a Hugging Face encoder for the `transformer` factory.

    It gives one vector a token: that of the token's first word piece (Devlin et al., 2019). The
    pieces are made from spaCy's tokens. Documents of any length are cut into overlapping windows,
    and each token's vector comes from the window in which it has most context.

    name: local folder or hub name of the encoder; read in `nlp.initialize()` only.
    window: most pieces of a window, special ones included; null for 512. An encoder that takes
        less sets the limit.
    overlap: pieces that neighbouring windows of a long document share.
    case_features: add a learned embedding of each token's letter case; null switches it on for
        encoders whose tokenizer lowercases.
    max_token_pieces: further pieces of one token are left out.
    mixed_precision: bf16 on GPUs that have it; a CPU always computes in float32.
    transformer_config: overrides of the encoder's own config, such as hidden_dropout_prob.
    int8: linear layers in 8-bit integers when predicting on a CPU: faster, with nearly the same
        result. Training and what is saved stay in float32.
    passage: cut documents where sentences seem to end, into passages of at most so many pieces, or of
        one longer sentence, which are read one by one; null to read a document as far as the window
        goes.
    """
    return build_transformer_model(
        EncoderSettings(
            name=name,
            window=window,
            overlap=overlap,
            passage=passage,
            case_features=case_features,
            max_token_pieces=max_token_pieces,
            mixed_precision=mixed_precision,
            int8=int8,
            transformer_config=dict(transformer_config or {}),
        )
    )


def build_listener_v1(
    upstream: str = "*", grad_factor: float = 1.0
) -> Model[list[Doc], list[Floats2d]]:
    """`spacy-bert-ner.TransformerListener.v1`: the vectors of a shared `transformer` component.

    upstream: name of that component, or "*" for any.
    grad_factor: factor on the gradients sent back; 0 leaves the encoder as it is.
    """
    return build_listener(upstream, grad_factor)


def build_tok2vec_transformer_v1(
    name: str,
    window: int | None = None,
    overlap: int = 64,
    case_features: bool | None = None,
    max_token_pieces: int = 32,
    mixed_precision: bool = True,
    transformer_config: dict[str, Any] | None = None,
    pooling: Model[Ragged, Floats2d] | None = None,
    grad_factor: float = 1.0,
    int8: bool = False,
    passage: int | None = None,
) -> Model[list[Doc], list[Floats2d]]:
    """`spacy-bert-ner.Tok2VecTransformer.v1`: an encoder that one component has to itself.

    The settings are those of `spacy-bert-ner.TransformerModel.v1`. `nlp.replace_listeners` writes
    this architecture; `pooling` is kept from a stock listener and null otherwise.
    """
    encoder = build_transformer_model(
        EncoderSettings(
            name=name,
            window=window,
            overlap=overlap,
            passage=passage,
            case_features=case_features,
            max_token_pieces=max_token_pieces,
            mixed_precision=mixed_precision,
            int8=int8,
            transformer_config=dict(transformer_config or {}),
        )
    )
    output: Model[Any, list[Floats2d]] = (
        token_vectors(grad_factor) if pooling is None else trfs2arrays(pooling, grad_factor)
    )
    # Nested as replace_listeners nests it, so that saved weights fit.
    return chain(chain(encoder, split_trf_batch()), output)
