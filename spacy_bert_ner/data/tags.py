"""Entity spans as tags of tokens, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

TAG = re.compile(r"(?:O|[BIESLUMW]-\S+)\Z")
# Every scheme's letters, as begin, inside, last and single.
_LETTERS = {"B": "B", "I": "I", "M": "I", "E": "L", "L": "L", "S": "U", "U": "U", "W": "U"}
# What writes an entity's begin, inside, last and single tokens in each scheme.
_SCHEMES: dict[str, Sequence[str]] = {
    "iob2": "BIIB",
    "iob1": "IIII",
    "bilou": "BILU",
    "bioes": "BIES",
    "bmewo": "BMEW",
}

TagSpan = tuple[int, int, str]


def decode_tags(tags: Sequence[str]) -> list[TagSpan]:
    """Spans (first token, one past the last, label) of tags in any scheme.

    IOB1, IOB2, BIOES, BILOU and BMEWO are read alike: a B, S, U or W begins an entity, an L, E, S, U
    or W ends one, and a tag of another label or O ends the one before. A tag that continues nothing
    begins an entity, as in conlleval (Tjong Kim Sang and De Meulder, 2003).
    """
    spans: list[TagSpan] = []
    start, label = 0, ""
    for i, tag in enumerate([*tags, "O"]):
        if tag == "O":
            if label:
                spans.append((start, i, label))
                label = ""
            continue
        letter, name = _LETTERS[tag[0]], tag[2:]
        if label and (letter in "BU" or name != label):
            spans.append((start, i, label))
            label = ""
        if not label:
            start, label = i, name
        if letter in "LU":
            spans.append((start, i + 1, label))
            label = ""
    return spans


class TagChecker:
    """Finds the tags that break the scheme of a file, one sentence after the other.

    The schemes are IOB2, IOB1, and those with end tags, where an entity begins with B, goes on, and
    ends with L or E, or is one S, U or W. A file's is the one that the sentences so far broke least;
    of several, as at the beginning of a file, the one that the next sentence breaks least. So no tag
    of a valid file is broken.
    """

    def __init__(self) -> None:
        self._counts = [0, 0, 0]

    def broken(self, tags: Sequence[str]) -> list[int]:
        """Indices of the broken tags of the next sentence."""
        found: tuple[list[int], ...] = ([], [], [])
        last = "O"
        for i, tag in enumerate([*tags, "O"]):
            for scheme, offset in _breaks(last, tag):
                # With end tags, one tag may be to blame for both its neighbours.
                if found[scheme][-1:] != [i + offset]:
                    found[scheme].append(i + offset)
            last = tag
        fewest = min(self._counts)
        left_open = [f for f, count in zip(found, self._counts) if count == fewest]
        self._counts = [count + len(f) for f, count in zip(found, self._counts)]
        return min(left_open, key=len)


_ENDS, _IOB2, _IOB1 = range(3)


@lru_cache(maxsize=10_000)
def _breaks(last: str, tag: str) -> list[tuple[int, int]]:
    """The schemes in which a tag may not follow another; 0 where it is to blame, -1 the other."""
    breaks = []
    before, letter = _LETTERS.get(last[0], "O"), _LETTERS.get(tag[0], "O")
    same = last[2:] == tag[2:]
    if letter in "IL" and not (before in "BI" and same):
        breaks.append((_ENDS, 0))
    elif letter not in "IL" and before in "BI":
        breaks.append((_ENDS, -1))
    if tag[0] not in "OBI" or (tag[0] == "I" and not same):
        breaks.append((_IOB2, 0))
    # In IOB1, B says only that a new entity begins right behind another of the same label.
    if tag[0] not in "OBI" or (tag[0] == "B" and not same):
        breaks.append((_IOB1, 0))
    return breaks


def encode_tags(spans: Iterable[TagSpan], length: int, scheme: str = "iob2") -> list[str]:
    """Tags of `length` tokens for spans that do not overlap.

    scheme: "iob2", "iob1", "bilou", "bioes" or "bmewo".
    Raises ValueError for spans that overlap or lie outside.
    """
    begin, inside, last, single = list(_SCHEMES[scheme])
    tags = ["O"] * length
    for start, end, label in sorted(spans):
        if not 0 <= start < end <= length or any(tag != "O" for tag in tags[start:end]):
            raise ValueError(f"the span {(start, end, label)} overlaps another or lies outside")
        letters = single if end - start == 1 else begin + inside * (end - start - 2) + last
        if scheme == "iob1" and start and tags[start - 1][2:] == label:
            letters = "B" + letters[1:]
        tags[start:end] = [f"{letter}-{label}" for letter in letters]
    return tags
