"""spacy-transformers' data classes, filled with one vector a token."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy_transformers.data_classes import (
    FullTransformerBatch,
    TransformerData,
    WordpieceBatch,
)
from thinc.api import NumpyOps, get_array_module
from thinc.types import Ragged
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import ModelOutput

# Alignments and masks stay on the CPU whatever the vectors do.
_OPS = NumpyOps()


class TokenVectors(TransformerData):
    """The data of one Doc: `last_hidden_state` of shape (1, tokens, width), aligned one to one.

    What spacy-transformers' own layers ask for is made when they ask: making it for every Doc takes
    longer than all else that is done to a short one.

    vectors: float32 (tokens, width).
    """

    def __init__(self, vectors: Any) -> None:
        self.vectors = vectors

    @cached_property
    def wordpieces(self) -> WordpieceBatch:  # type: ignore[override]
        tokens = len(self.vectors)
        return WordpieceBatch(
            strings=[[""] * tokens],
            input_ids=_OPS.alloc2i(1, tokens),
            attention_mask=_OPS.alloc2f(1, tokens) + 1,
            lengths=[tokens],
            token_type_ids=None,
        )

    @cached_property
    def model_output(self) -> ModelOutput:  # type: ignore[override]
        return BaseModelOutput(last_hidden_state=self.vectors[None])

    @cached_property
    def align(self) -> Ragged:  # type: ignore[override]
        tokens = len(self.vectors)
        return Ragged(_OPS.asarray1i(np.arange(tokens)), _OPS.alloc1i(tokens) + 1)


def doc_vectors(vectors: Any) -> TransformerData:
    """`TokenVectors`; empty Docs get no `last_hidden_state` at all, as spacy-transformers has it."""
    return TokenVectors(vectors) if len(vectors) else TransformerData.empty()


class TokenVectorBatch(FullTransformerBatch):
    """A batch whose Docs' data are slices of one flat array of token vectors."""

    @classmethod
    def from_vectors(cls, vectors: Any, doc_lengths: NDArray[np.int32]) -> TokenVectorBatch:
        """vectors: float32 (tokens, width) of all Docs; doc_lengths: tokens of each Doc."""
        ends = np.cumsum(doc_lengths)
        data = [
            doc_vectors(vectors[end - length : end])
            for length, end in zip(doc_lengths.tolist(), ends.tolist())
        ]
        return cls(
            spans=[[] for _ in data],
            wordpieces=WordpieceBatch.empty(),
            model_output=BaseModelOutput(last_hidden_state=vectors),
            align=Ragged(_OPS.alloc1i(0), _OPS.alloc1i(0)),
            cached_doc_data=data,
        )

    def unsplit_by_doc(self, arrays: list[list[Any]]) -> FullTransformerBatch:
        """Join the Docs' gradients (1, tokens, width) into one of shape (tokens, width).

        Empty Docs have no entry in `arrays`; they have no rows either.
        """
        flat = [doc_arrays[0].reshape(-1, doc_arrays[0].shape[-1]) for doc_arrays in arrays]
        xp = get_array_module(flat[0])
        return FullTransformerBatch(
            spans=self.spans,
            wordpieces=self.wordpieces,
            model_output=ModelOutput(last_hidden_state=xp.concatenate(flat)),
            align=self.align,
        )
