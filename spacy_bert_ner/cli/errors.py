"""How a command ends when its input cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ..data.records import DataError


@contextmanager
def reported() -> Iterator[None]:
    """Turn a DataError into one clear line on standard error and exit code 1."""
    try:
        yield
    except DataError as error:
        line = " ".join(str(error).split())
        typer.secho(f"✘ {line}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
