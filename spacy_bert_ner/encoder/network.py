"""The torch network: a Hugging Face encoder, a case embedding, one vector a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .batch import Bucket
from .case import Case


class EncoderNetwork(nn.Module):
    """Runs buckets of windows through an encoder and gathers the first piece of each token.

    transformer: a `transformers` encoder whose first output is the last hidden state.
    case_features: whether a learned embedding of the token's `Case` is added to each piece's
        word embedding. It starts at zero, that is, at the pretrained function.
    """

    def __init__(self, transformer: Any, *, case_features: bool) -> None:
        super().__init__()
        # The pooler serves next-sentence prediction; its weights would never get a gradient.
        if getattr(transformer, "pooler", None) is not None:
            transformer.pooler = None
        self.transformer = transformer
        self.case_embedding: nn.Embedding | None = None
        if case_features:
            width = transformer.get_input_embeddings().embedding_dim
            self.case_embedding = nn.Embedding(len(Case), width)
            nn.init.zeros_(self.case_embedding.weight)
        # Most cells of a bucket that memory is known to have room for, once it has run out.
        self.max_cells: int | None = None

    @property
    def width(self) -> int:
        return int(self.transformer.config.hidden_size)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def forward(self, buckets: Sequence[Bucket], n_tokens: int) -> Tensor:
        """float32 (n_tokens, width). Tokens without pieces get a zero vector.

        In prediction a bucket that does not fit into the GPU's memory is cut in two, and so are later
        ones of its size; torch.OutOfMemoryError is raised in training, and for a single window.
        """
        device = self.device
        vectors = torch.zeros(n_tokens, self.width, device=device)
        if not buckets:
            return vectors
        gathered, tokens = [], []
        todo = list(buckets)[::-1]
        while todo:
            bucket = todo.pop()
            divisible = len(bucket.ids) > 1 and not torch.is_grad_enabled()
            if divisible and self.max_cells and bucket.ids.size > self.max_cells:
                todo += bucket.halves()[::-1]
                continue
            try:
                gathered.append(self._run(bucket, device))
            except torch.OutOfMemoryError:
                if not divisible:
                    raise
                self.max_cells = bucket.ids.size // 2
                todo += bucket.halves()[::-1]
            else:
                tokens.append(torch.from_numpy(bucket.tokens).to(device))
        return vectors.index_copy(0, torch.cat(tokens), torch.cat(gathered).float())

    def _run(self, bucket: Bucket, device: torch.device) -> Tensor:
        ids = torch.from_numpy(bucket.ids).to(device)
        lengths = torch.from_numpy(bucket.lengths).to(device)
        mask = torch.arange(ids.shape[1], device=device) < lengths[:, None]
        if self.case_embedding is None:
            inputs = {"input_ids": ids}
        else:
            cases = torch.from_numpy(bucket.cases).to(device)
            words = self.transformer.get_input_embeddings()(ids)
            inputs = {"inputs_embeds": words + self.case_embedding(cases)}
        hidden = self.transformer(**inputs, attention_mask=mask.long())[0]
        cells = torch.from_numpy(bucket.cells).to(device)
        return hidden.reshape(-1, hidden.shape[-1]).index_select(0, cells)
