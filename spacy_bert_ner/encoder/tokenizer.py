"""A Hugging Face fast tokenizer reduced to what turning single words into piece ids needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer


class PieceTokenizer:
    """Turns words into word-piece ids and knows the special pieces around a sequence.

    It keeps the `tokenizers` object and a handful of ids, so a saved pipeline needs neither the
    original files nor a `transformers` tokenizer class to load.

    prefix, suffix: ids the encoder expects before and after a sequence ([CLS] ... [SEP]).
    pad_id, unk_id: ids of the padding and unknown pieces.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        prefix: Sequence[int],
        suffix: Sequence[int],
        pad_id: int,
        unk_id: int,
    ) -> None:
        # Published tokenizers may carry padding and truncation of their own, and would turn
        # "[MASK]" in a user's text into the special piece.
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.prefix = list(prefix)
        self.suffix = list(suffix)
        self.pad_id = pad_id
        self.unk_id = unk_id
        # Asked of the tokenizer rather than of its class: byte-level BPE writes "a" and " a"
        # differently, WordPiece does not; uncased vocabularies cannot tell "Ab" from "ab".
        self.space_sensitive = self._ids("a") != self._ids(" a")
        self.lowercases = self._ids("London") == self._ids("london")

    @classmethod
    def from_transformers(cls, tokenizer: Any) -> PieceTokenizer:
        """Take over a `transformers` tokenizer. Raises ValueError if it has no fast version."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ValueError(
                f"The tokenizer {type(tokenizer).__name__} has no fast version. Convert it once with "
                "transformers' convert_slow_tokenizer and save its tokenizer.json beside the weights."
            )
        backend = Tokenizer.from_str(backend.to_str())
        backend.no_padding()
        backend.no_truncation()
        probe = backend.encode("a", add_special_tokens=True)
        inner = [i for i, special in enumerate(probe.special_tokens_mask) if not special]
        first, last = (inner[0], inner[-1]) if inner else (len(probe.ids), len(probe.ids))
        pad = tokenizer.pad_token_id
        unk = tokenizer.unk_token_id
        return cls(
            backend,
            prefix=probe.ids[:first],
            suffix=probe.ids[last + 1 :],
            pad_id=0 if pad is None else pad,
            # Byte-level vocabularies have no unknown piece and can spell anything but nothing.
            unk_id=unk if unk is not None else (0 if pad is None else pad),
        )

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def encode(self, words: Sequence[str]) -> list[list[int]]:
        """Piece ids of each word, without special pieces. A word may start with a space."""
        encodings = self._tokenizer.encode_batch_fast(list(words), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def to_dict(self) -> dict[str, Any]:
        return {
            "tokenizer": self._tokenizer.to_str(),
            "prefix": self.prefix,
            "suffix": self.suffix,
            "pad_id": self.pad_id,
            "unk_id": self.unk_id,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PieceTokenizer:
        settings = dict(data)
        return cls(Tokenizer.from_str(settings.pop("tokenizer")), **settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return (PieceTokenizer.from_dict, (self.to_dict(),))
