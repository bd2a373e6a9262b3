"""Annotation formats, one file each."""

from __future__ import annotations

from ..records import DataError
from ..sources import Source
from . import (
    brat,
    conll,
    delimited,
    docbin,
    doccano,
    huggingface,
    inline,
    label_studio,
    prodigy,
    spacy_tuples,
    uima,
)
from .base import Format, ReadOptions

__all__ = ["FORMATS", "Format", "ReadOptions", "find_format"]

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        docbin,
        huggingface,
        uima,
        brat,
        label_studio,
        prodigy,
        doccano,
        spacy_tuples,
        conll,
        delimited,
        inline,
    )
}


def find_format(source: Source, name: str = "") -> Format:
    """The format of a source: that of the given name, or the one that its content tells.

    Raises DataError if no format, or more than one, matches.
    """
    if name:
        return FORMATS[name]
    head = source.head() if source.path.is_file() else ""
    found = [form for form in FORMATS.values() if form.matches(head, source)]
    if len(found) > 1:
        # Any text could be text with inline labels; what is more particular wins.
        found = [form for form in found if form is not inline.FORMAT]
    if len(found) == 1:
        return found[0]
    raise DataError(
        source.name,
        "its format cannot be told: "
        + (" or ".join(form.title for form in found) if found else "nothing known matches"),
        f"Name it with --format: {', '.join(FORMATS)}",
    )
