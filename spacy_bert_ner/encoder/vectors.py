"""spacy-transformers' data classes, filled with one vector a token."""

from __future__ import annotations

from typing import Any

import numpy as np
from spacy_transformers.data_classes import (
    FullTransformerBatch,
    TransformerData,
    WordpieceBatch,
)
from thinc.api import get_array_module
from thinc.types import Floats2d, Ragged
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import ModelOutput


def doc_vectors(vectors: Floats2d) -> TransformerData:
    """The data of one Doc: `last_hidden_state` of shape (1, tokens, width), aligned one to one.

    Empty Docs get no `last_hidden_state` at all, as spacy-transformers has it.
    """
    if not len(vectors):
        return TransformerData.empty()
    tokens = len(vectors)
    return TransformerData(
        wordpieces=WordpieceBatch(
            strings=[[""] * tokens],
            input_ids=np.zeros((1, tokens), dtype="i"),
            attention_mask=np.ones((1, tokens), dtype="f"),
            lengths=[tokens],
            token_type_ids=None,
        ),
        model_output=BaseModelOutput(last_hidden_state=vectors[None]),
        align=Ragged(np.arange(tokens, dtype="i"), np.ones(tokens, dtype="i")),
    )


class TokenVectorBatch(FullTransformerBatch):
    """A batch whose Docs' data are slices of one flat array of token vectors."""

    @classmethod
    def from_vectors(cls, vectors: Floats2d, doc_lengths: Any) -> TokenVectorBatch:
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
            align=Ragged(np.zeros(0, dtype="i"), np.zeros(0, dtype="i")),
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
