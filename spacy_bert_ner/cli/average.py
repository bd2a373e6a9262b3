"""`spacy bert-ner average`: several trained pipelines made into one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .errors import reported


def average(
    models: Annotated[
        list[str], typer.Argument(help="Trained pipelines, by folder or package name")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for their mean")],
    dev: Annotated[
        Path | None, typer.Option(help="DocBin to score each pipeline and the mean on")
    ] = None,
    gpu_id: Annotated[int, typer.Option(help="GPU to compute on, -1 for the CPU")] = -1,
) -> None:
    """Average the weights of pipelines trained from one config, with several seeds say.

    Everything else is that of the first. Its calibration is dropped: calibrate the mean anew.
    """
    # spaCy loads this module for its every command, and models take seconds to import.
    from spacy.language import Language

    from ..models import docbin_examples, load, save
    from ..training.average import average as run

    def score(nlp: Language) -> float:
        assert dev is not None
        return 100 * nlp.evaluate(docbin_examples(dev, nlp))["ents_f"]

    rows = []
    with reported():
        first = load(models[0], gpu_id)
        if dev is not None:
            rows.append((models[0], f"{score(first):.2f}"))

        def others() -> Iterator[tuple[str, Language]]:
            for name in models[1:]:
                nlp = load(name, gpu_id)
                yield name, nlp
                if dev is not None:
                    rows.append((name, f"{score(nlp):.2f}"))

        n = run(first, others())
        if dev is not None:
            rows.append((str(output), f"{score(first):.2f}"))
        save(first, output)
    if rows:
        msg.table(rows, header=("pipeline", "F1"), aligns=("l", "r"), divider=True)
    msg.good(f"{output}: the mean of {n} pipelines")
