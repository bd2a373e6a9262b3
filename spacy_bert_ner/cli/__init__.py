"""The `spacy bert-ner` commands, one file each."""

from __future__ import annotations

import typer
from spacy.cli._util import app as spacy_app

from .average import average
from .calibrate import calibrate
from .convert import convert
from .inspect import inspect
from .split import split
from .train import train

app = typer.Typer(name="bert-ner", help="Data and models of spacy-bert-ner.", no_args_is_help=True)
app.command("average")(average)
app.command("calibrate")(calibrate)
app.command("convert")(convert)
app.command("inspect")(inspect)
app.command("split")(split)
app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    train
)
spacy_app.add_typer(app)
