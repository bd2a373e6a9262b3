"""The length of documents as an encoder sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spacy.tokens import Doc
from transformers import AutoConfig, AutoTokenizer

from ..data.records import DataError
from ..encoder.model import DEFAULT_WINDOW, EncoderSettings
from ..encoder.pieces import PieceCache
from ..encoder.tokenizer import PieceTokenizer


def piece_counter(encoder: Path) -> tuple[Callable[[Doc], int], int]:
    """A function from a Doc to its number of word pieces, and how many fit into a window.

    Raises DataError if the folder holds no encoder.
    """
    # transformers would look for a missing folder's name on the hub.
    if not encoder.is_dir():
        raise DataError(
            str(encoder), "no such folder", "Run 'python -m spacy project run encoder' first"
        )
    try:
        tokenizer = PieceTokenizer.from_transformers(AutoTokenizer.from_pretrained(str(encoder)))
        config = AutoConfig.from_pretrained(str(encoder))
    except (OSError, ValueError) as error:
        raise DataError(
            str(encoder), "no encoder in this folder", "Run 'python -m spacy project run encoder'"
        ) from error
    cache = PieceCache(tokenizer, max_token_pieces=EncoderSettings("").max_token_pieces)
    limit = getattr(config, "max_position_embeddings", None) or DEFAULT_WINDOW
    special = len(tokenizer.prefix) + len(tokenizer.suffix)

    def count(doc: Doc) -> int:
        return int(cache.pieces([doc]).counts.sum())

    return count, min(limit, DEFAULT_WINDOW) - special
