"""Offsets of tools that count UTF-16 units, as JavaScript does, instead of characters."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SHOWN = 40


def resolve(
    text: str, start: int, end: int, surface: object, note: Callable[[str, str], object]
) -> tuple[int, int]:
    """The offsets of a span in characters, checked against what the file says its text is.

    start, end: as the file gives them; they may lie outside the text.
    surface: the span's own text; anything but a string means that the file does not say it.
    note: called with check and detail: `utf16-offsets` where only UTF-16 units bring the surface
        out, which converts the offsets; `text-mismatch` where nothing does, which keeps them.
    """
    if not isinstance(surface, str) or _holds(text, start, end, surface):
        return start, end
    pairs = _surrogate_pairs(text)
    converted = start - bisect_left(pairs, start), end - bisect_left(pairs, end)
    if _holds(text, *converted, surface):
        note(
            "utf16-offsets",
            f"{_shown(surface)} at {start}-{end} in UTF-16 units, "
            f"read as characters {converted[0]}-{converted[1]}",
        )
        return converted
    found = text[start:end] if 0 <= start <= end else ""
    note(
        "text-mismatch",
        f"{_shown(surface)} is said to be at {start}-{end}, where the text has {_shown(found)}",
    )
    return start, end


def _holds(text: str, start: int, end: int, surface: str) -> bool:
    return 0 <= start <= end and text[start:end] == surface


@lru_cache(maxsize=1)
def _surrogate_pairs(text: str) -> list[int]:
    """UTF-16 offsets of the characters that take two units; kept for the text's other spans."""
    return [match.start() + i for i, match in enumerate(_ASTRAL.finditer(text))]


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
