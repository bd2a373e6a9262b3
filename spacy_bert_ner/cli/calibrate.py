"""`spacy bert-ner calibrate`: make a trained pipeline's confidences mean what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .errors import reported


def calibrate(
    model: Annotated[str, typer.Argument(help="Trained pipeline, by folder or package name")],
    data: Annotated[
        Path, typer.Argument(help="DocBin of held-out documents, the dev split that is")
    ],
    output: Annotated[Path, typer.Argument(help="Folder for the calibrated pipeline")],
    component: Annotated[str, typer.Option(help="Name of the bert_ner component")] = "ner",
    gpu_id: Annotated[int, typer.Option(help="GPU to compute on, -1 for the CPU")] = -1,
) -> None:
    """Scale confidences so that they best tell right entities from wrong ones.

    The scaling is stored in the pipeline, with the calibration error in its meta data. A threshold,
    if the component has one, is set anew, to where F1 is highest; otherwise the entities found stay
    the same.
    """
    # spaCy loads this module for its every command, and models take seconds to import.
    from ..models import docbin_examples, load, save

    with reported():
        nlp = load(model, gpu_id)
        from ..calibration import calibrate as run

        found = run(nlp, docbin_examples(data, nlp), component)
        nlp.meta.setdefault("performance", {})["calibration"] = found.to_json()
        save(nlp, output)
    msg.table(
        [
            ("1.00", "0.00", "0.00", f"{found.error_before:.3f}", f"{found.loss_before:.3f}"),
            (
                f"{found.temperature:.2f}",
                f"{found.bias:+.2f}",
                f"{found.length_bias:+.2f}",
                f"{found.error_after:.3f}",
                f"{found.loss_after:.3f}",
            ),
        ],
        header=("temperature", "bias", "length bias", "calibration error", "log loss"),
        aligns=("r", "r", "r", "r", "r"),
        divider=True,
    )
    if found.precision in (0, 1):
        msg.warn(
            f"Of {found.entities:,} entities predicted in {data}, "
            f"{'all' if found.precision else 'none'} are right, which says little of confidences. "
            "More held-out documents would help."
        )
    threshold = "" if found.threshold is None else f", threshold {found.threshold:.2f}"
    msg.good(f"{output}: F1 {found.f1:.1f} on {data}{threshold}")
