"""The token-classification head of the BERT paper: dropout and one linear layer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any, cast

import torch
from spacy.tokens import Doc
from thinc.api import Model, chain, torch2xp, xp2torch
from thinc.types import Floats2d, Ragged
from torch import Tensor, nn

from ..shim import TorchShim

_INIT_STD = 0.02  # as BERT initializes its own linear layers


class TagClassifier(nn.Module):
    """Linear scores of each tag, (tokens, width) to (tokens, tags)."""

    def __init__(self, width: int, n_tags: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_tags)
        nn.init.normal_(self.linear.weight, std=_INIT_STD)
        nn.init.zeros_(self.linear.bias)

    def forward(self, vectors: Tensor, dropout: float) -> Tensor:
        return self.linear(nn.functional.dropout(vectors, dropout, training=self.training))


class HeadShim(TorchShim):
    new_parameters = ("linear",)

    def describe(self) -> dict[str, Any]:
        linear = self.module.linear
        return {"width": linear.in_features, "n_tags": linear.out_features}

    def build(self, description: dict[str, Any]) -> nn.Module:
        return TagClassifier(description["width"], description["n_tags"])


TokenClassifier = Model[list[Doc], Ragged]


def build_token_classifier(
    tok2vec: Model[list[Doc], list[Floats2d]], dropout: float
) -> TokenClassifier:
    """The model of `bert_ner`: any tok2vec, then the head."""
    head: Model[list[Floats2d], Ragged] = Model(
        "bert_ner_head",
        forward,
        dims={"nI": None, "nO": None},
        attrs={"dropout_rate": dropout},
        shims=[HeadShim()],
    )
    model: TokenClassifier = chain(tok2vec, head)
    model.init = init
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("head", head)
    model.attrs["resize_output"] = resize_output
    return model


def init(model: TokenClassifier, X: Any = None, Y: Any = None) -> None:
    """Give the head its weights. X: Docs to find the vectors' width with; nO must be set."""
    tok2vec, head = model.get_ref("tok2vec"), model.get_ref("head")
    tok2vec.initialize(X=X)
    shim = _shim(head)
    n_tags = head.get_dim("nO")
    if shim.has_module:
        return
    width = tok2vec.maybe_get_dim("nO")
    if width is None:
        width = tok2vec.predict(X[:1])[0].shape[1]
    head.set_dim("nI", width)
    shim.set_module(TagClassifier(width, n_tags))


def resize_output(model: TokenClassifier, n_tags: int) -> TokenClassifier:
    """Make room for further tags, keeping the weights of those there are."""
    head = model.get_ref("head")
    shim = _shim(head)
    if shim.has_module:
        old = shim.module.linear
        new = TagClassifier(old.in_features, n_tags)
        with torch.no_grad():
            new.linear.weight[: old.out_features] = old.weight.cpu()
            new.linear.bias[: old.out_features] = old.bias.cpu()
        shim.set_module(new)
    head.set_dim("nO", n_tags, force=True)
    return model


def forward(
    model: Model, vectors: list[Floats2d], is_train: bool
) -> tuple[Ragged, Callable[[Ragged], list[Floats2d]]]:
    shim = _shim(model)
    device = next(shim.module.parameters()).device
    lengths = [len(doc_vectors) for doc_vectors in vectors]
    flat = xp2torch(model.ops.flatten(vectors), requires_grad=is_train, device=device)
    scores, backprop_scores = shim((flat, model.attrs["dropout_rate"]), is_train)

    def backprop(d_scores: Ragged) -> list[Floats2d]:
        backprop_scores(xp2torch(d_scores.dataXd, device=device))
        d_flat: Any = torch2xp(cast(Tensor, flat.grad))
        ends = list(accumulate(lengths))
        return [d_flat[end - length : end] for length, end in zip(lengths, ends)]

    return Ragged(torch2xp(scores), model.ops.asarray1i(lengths)), backprop


def _shim(head: Model) -> HeadShim:
    shim = head.shims[0]
    assert isinstance(shim, HeadShim)
    return shim


def build_token_classifier_v1(
    tok2vec: Model[list[Doc], list[Floats2d]], dropout: float = 0.1
) -> TokenClassifier:
    """`spacy-bert-ner.TokenClassifier.v1`: dropout and a linear layer over a token's vector.

    The classifier of Devlin et al. (2019), section 5.3: the first piece's vector, no CRF.

    tok2vec: `spacy-bert-ner.TransformerListener.v1`, the stock TransformerListener, or any other
        layer from Docs to one vector a token.
    dropout: before the linear layer, in training. `[training] dropout` overrides it.
    """
    return build_token_classifier(tok2vec, dropout)
