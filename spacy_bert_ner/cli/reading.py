"""Options that every command shares that reads annotation files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.language import Language

from ..data.formats import FORMATS, ReadOptions
from ..data.labels import LabelRules, parse_renaming
from ..data.reading import Reading
from ..data.records import DataError
from ..data.rejects import Corrections

Given = Annotated[
    str,
    typer.Argument(help="File, folder, quoted pattern, or - for standard input", metavar="INPUT"),
]
FormatName = Annotated[
    str,
    typer.Option(help=f"Format of the input, told from content if left out: {', '.join(FORMATS)}"),
]
Lang = Annotated[str, typer.Option(help="Language of the tokenizer")]
CorrectionsFile = Annotated[
    Path | None, typer.Option(help="Rejects of an earlier run, gone through: proposals are taken")
]
Rename = Annotated[list[str] | None, typer.Option("--map", help="Rename a label: OLD=NEW")]
Keep = Annotated[str | None, typer.Option(help="Labels to keep (after --map), with commas between")]
Drop = Annotated[str | None, typer.Option(help="Labels to leave out, with commas between")]
WholeDocuments = Annotated[
    bool, typer.Option("--documents", help="Join the sentences of a document to one")
]
Annotator = Annotated[str | None, typer.Option(help="Whose annotations to take, of several")]
TokenColumn = Annotated[int | None, typer.Option(help="Column of the token, from 1 (CoNLL)")]
TagColumn = Annotated[
    int | None, typer.Option(help="Column of the tag, from 1, or -1 for the last")
]
ClassNames = Annotated[
    str | None, typer.Option(help="Names of numeric tags in their order, with commas between")
]


def make(
    given: str,
    format: str = "",
    annotator: str | None = None,
    token_column: int | None = None,
    tag_column: int | None = None,
    class_names: str | None = None,
    rename: list[str] | None = None,
    keep: str | None = None,
    drop: str | None = None,
    corrections: Path | None = None,
    whole_documents: bool = False,
) -> Reading:
    """The Reading of a command's options. Raises DataError for those that say nothing sensible."""
    if format and format not in FORMATS:
        raise DataError("--format", f"unknown format {format!r}", f"Known: {', '.join(FORMATS)}")
    for name, column in (("--token-column", token_column), ("--tag-column", tag_column)):
        if column == 0:
            raise DataError(name, "columns are counted from 1", "-1 is the last one")
    return Reading(
        given,
        format,
        ReadOptions(token_column, tag_column, annotator, listed(class_names)),
        LabelRules(
            parse_renaming(rename or []),
            listed(keep),
            listed(drop) or (),
        ),
        Corrections(corrections) if corrections else None,
        whole_documents,
    )


def listed(text: str | None) -> list[str] | None:
    """What stands between commas."""
    if text is None:
        return None
    return [item.strip() for item in text.split(",") if item.strip()]


def blank(lang: str) -> Language:
    """A tokenizer for texts of any length. Raises DataError for an unknown language."""
    try:
        nlp = spacy.blank(lang)
    except ImportError as error:
        raise DataError(
            "--lang", f"spaCy has no language {lang!r}", "Use its code, as in 'de', or 'xx' for any"
        ) from error
    # Tokenization alone needs no limit, and a DocBin none of the lexical attributes.
    nlp.max_length = sys.maxsize
    nlp.vocab.lex_attr_getters = {}  # type: ignore[attr-defined]
    return nlp
