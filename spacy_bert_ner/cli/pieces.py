"""The length of documents as an encoder sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spacy.tokens import Doc

from ..data.records import DataError
from ..encoder.model import EncoderSettings, build_transformer_model, piece_budget, piece_cache


def piece_counter(encoder: Path) -> tuple[Callable[[Doc], int], int]:
    """A function from a Doc to its number of word pieces, and how many fit into a window.

    Raises DataError if the folder holds no encoder.
    """
    # transformers would look for a missing folder's name on the hub.
    if not encoder.is_dir():
        raise DataError(
            str(encoder), "no such folder", "Run 'python -m spacy project run encoder' first"
        )
    # An overlap would ask for a window that has room for it, which measuring does not need.
    model = build_transformer_model(EncoderSettings(str(encoder), overlap=0))
    try:
        model.initialize()
    except ValueError as error:
        raise DataError(
            str(encoder),
            f"no encoder that can be used ({error})",
            "Run 'python -m spacy project run encoder'",
        ) from error
    cache = piece_cache(model)

    def count(doc: Doc) -> int:
        return int(cache.pieces([doc]).counts.sum())

    return count, piece_budget(model)
