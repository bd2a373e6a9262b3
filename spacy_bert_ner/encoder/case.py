"""Letter-case classes of a token, for encoders whose tokenizer lowercases its input."""

from __future__ import annotations

import enum


class Case(enum.IntEnum):
    """What lowercasing destroys about a token. The numbers index the learned case embedding."""

    SPECIAL = 0  # pieces that stand for no token: [CLS], [SEP], padding
    DIGITS = 1
    MIXED_DIGITS = 2
    PUNCTUATION = 3
    LOWER = 4
    UPPER = 5
    SINGLE_CAPITAL = 6
    TITLE = 7
    MIXED = 8


def case_of(text: str) -> Case:
    """The class of one token. Letters of scripts without case count as lower case."""
    if text.isdigit():
        return Case.DIGITS
    if any(char.isdigit() for char in text):
        return Case.MIXED_DIGITS
    if not any(char.isalpha() for char in text):
        return Case.PUNCTUATION
    if text == text.lower():
        return Case.LOWER
    if len(text) == 1:
        return Case.SINGLE_CAPITAL
    if text == text.upper():
        return Case.UPPER
    if text[0].isupper() and text[1:] == text[1:].lower():
        return Case.TITLE
    return Case.MIXED
