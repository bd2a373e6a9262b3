"""`spacy bert-ner train`: spaCy's training, which can be interrupted and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .errors import reported


def train(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="Training config", exists=True, dir_okay=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for model-best and model-last")
    ],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the output folder")
    ] = False,
    gpu_id: Annotated[
        int, typer.Option("--gpu-id", "-g", help="GPU to train on, -1 for the CPU")
    ] = -1,
    code: Annotated[
        Path | None, typer.Option(help="Python file with registered functions to import")
    ] = None,
) -> None:
    """Train a pipeline as `spacy train` does, and evaluate the last step too.

    Settings of the config are overridden as in `spacy train`: --paths.train corpus/train.spacy.
    Ctrl-C ends the step in progress and writes a checkpoint; --resume goes on to the same result
    as if nothing had happened, after a crash from the last evaluation on.
    """
    # spaCy loads this module for its every command, and training takes seconds to import.
    from spacy.cli._util import (
        import_code,
        parse_config_overrides,
        setup_gpu,
        show_validation_error,
    )
    from spacy.training.initialize import init_nlp
    from spacy.util import load_config

    from ..training import checkpoint
    from ..training.loop import LAST, Interrupted
    from ..training.loop import train as run

    overrides = parse_config_overrides(context.args)
    import_code(code)
    if resume and checkpoint.find(output) is None and (output / LAST).exists():
        msg.good(f"Training in {output} has ended already")
        return
    if not resume and checkpoint.find(output) is not None:
        msg.warn(f"{output} has an unfinished training, which ends here. --resume would go on.")
    output.mkdir(parents=True, exist_ok=True)
    setup_gpu(gpu_id)
    with show_validation_error(config):
        settings = load_config(config, overrides=overrides, interpolate=False)
    with show_validation_error(config, hint_fill=False):
        nlp = init_nlp(settings, use_gpu=gpu_id)
    with reported():
        try:
            run(nlp, output, use_gpu=gpu_id, resume=resume)
        except Interrupted:
            msg.warn(
                f"Interrupted; a checkpoint is in {output}. The same command with --resume goes on."
            )
            raise typer.Exit(130) from None
    msg.good(f"Saved {output / LAST} and the best step's model beside it")
