"""Texts that are long, or were damaged on their way."""

from __future__ import annotations

import re
from collections.abc import Callable

from spacy.tokens import Doc

from ..findings import Findings
from ..statistics import count_words
from .base import Check, Seen

# About what fits into 512 word pieces of English.
_MANY_WORDS = 350
# Controls, what stands for something undecodable, and private characters; UTF-8 read as Latin-1 or
# Windows-1252. Ã and Â do end words in capitals (IRMÃ»), so no capital may come before them.
_DAMAGE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ufffe\uffff\ue000-\uf8ff]"
    "|(?<![A-Z\xc0-\xde])(?:Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Â[\xa0-\xbf])|â€"
)
# Joiners belong to Persian, to scripts of India and to emoji; after a Latin letter they are stray.
_INVISIBLE = re.compile(
    "[\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]|(?<![^\x00-\u024f])[\u200c\u200d]"
)


class LongDocuments(Check):
    name = "long-document"
    title = "Documents longer than the encoder's window"
    advice = (
        "Nothing is cut: they are read in overlapping windows, each token in the one that shows most "
        "of its context."
    )

    def __init__(self, length: Callable[[Doc], int] | None = None, window: int = 0) -> None:
        self.length = length or count_words
        self.window = window or _MANY_WORDS
        self.unit = "word pieces" if length else "words"

    def see_again(self, seen: Seen, findings: Findings) -> None:
        length = self.length(seen.doc)
        if length > self.window:
            findings.add(
                self.name, seen.place, f"{length:,} {self.unit}, of {self.window} at a time"
            )


class Damage(Check):
    name = "encoding"
    title = "Signs of a text damaged on its way, and invisible characters in entities"
    advice = "Find where the text was read in the wrong encoding, and convert it from the source."

    def see_again(self, seen: Seen, findings: Findings) -> None:
        text = seen.doc.text
        if match := _DAMAGE.search(text):
            around = text[max(0, match.start() - 15) : match.end() + 15]
            findings.add(self.name, seen.place, f"{match.group()!r} in {around!r}")
        for ent in seen.doc.ents:
            if match := _INVISIBLE.search(ent.text):
                findings.add(
                    self.name, seen.place, f"{match.group()!a} in {ent.text!a} ({ent.label_})"
                )
