"""Entities whose boundaries look wrong."""

from __future__ import annotations

import re

from ..findings import Findings
from .base import Check, Seen

_BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
# Languages pair these marks in different ways (“a”, „a“, „a”, ”a”), so only a lone one is wrong.
_QUOTES = ('"', "“”„‟", "«»")
# A dot may begin a name (.NET) or a number (.5), but not a word; so may other marks (!Kung).
_STRAY_START = re.compile(r"[\s,;:)\]}]|[.!?](?:\s|$)|\.[A-Z][a-z]")
_STRAY_END = re.compile(r"[\s,;:(\[{]$")
_CHARACTER_REFERENCE = re.compile(r"&#?\w+;$")


class Edges(Check):
    name = "edge-punctuation"
    title = "Entities that begin or end with space or punctuation that is not theirs"
    advice = (
        "Usually a slip of the mouse. Take the comma, bracket or quotation mark out of the span, or "
        "its counterpart in."
    )

    def see_again(self, seen: Seen, findings: Findings) -> None:
        for ent in seen.doc.ents:
            if _is_stray(ent.text):
                findings.add(self.name, seen.place, f"{ent.text!r} ({ent.label_})")


def _is_stray(text: str) -> bool:
    if _STRAY_START.match(text):
        return True
    if _STRAY_END.search(text) and not _CHARACTER_REFERENCE.search(text):
        return True
    return _has_lone_bracket(text) or _has_lone_quote(text)


def _has_lone_bracket(text: str) -> bool:
    return any(
        (text[0] == opening and closing not in text)
        or (text[-1] == closing and opening not in text)
        for opening, closing in _BRACKETS
    )


def _has_lone_quote(text: str) -> bool:
    for marks in _QUOTES:
        if sum(map(text.count, marks)) == 1:
            # After a number it stands for inches.
            return text[0] in marks or (text[-1] in marks and not text[-2:-1].isdigit())
    return False
