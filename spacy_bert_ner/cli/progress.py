"""A progress bar over bytes, where someone is there to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(what: str, size: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on standard error if that is a terminal; yields what to call with bytes done."""
    with tqdm(total=size, desc=what, unit="B", unit_scale=True, disable=None, leave=False) as bar:
        yield bar.update
