"""An interrupted training on disk: all that the next step depends on."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from safetensors.torch import load_file, save_file
from spacy.language import Language
from thinc.api import Config, Optimizer

from ..data.records import DataError
from .randomness import random_state
from .weights import optimizer_state, restore_optimizer, trainable

FOLDER = "checkpoint"
_OLD = "checkpoint-before"


@dataclass
class Progress:
    """How far a training has come.

    step: the last one that was done. results: score and step of each evaluation. losses: of the
    steps since the last evaluation. performance: what that one has put into the meta data. is_best:
    whether the last step was the best that was evaluated.
    """

    step: int = -1
    words: int = 0
    seconds: float = 0.0
    results: list[tuple[float, int]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    performance: dict[str, Any] = field(default_factory=dict)
    evaluated: bool = False
    is_best: bool = False


def save(
    folder: Path,
    nlp: Language,
    optimizer: Optimizer,
    progress: Progress,
    position: dict[str, Any],
    corpus: str,
) -> None:
    """Write a checkpoint beside the older one, then put it in the older one's place.

    folder: the training's output. position: of the batches. corpus: fingerprint of the data.
    """
    scratch = Path(mkdtemp(dir=folder, prefix=".checkpoint-"))
    try:
        for name, pipe in trainable(nlp):
            (scratch / f"{name}.model").write_bytes(pipe.model.to_bytes())
        save_file(optimizer_state(nlp, optimizer), scratch / "optimizer.safetensors")
        (scratch / "config.cfg").write_text(nlp.config.to_str(), encoding="utf-8")
        state = {
            "progress": asdict(progress),
            "position": position,
            "random": random_state(),
            "corpus": corpus,
            "labels": _labels(nlp),
        }
        # Not srsly, which rounds floats: scores are compared for equality.
        # Losses of spaCy's own components are numpy scalars.
        text = json.dumps(state, default=float)
        (scratch / "state.json").write_text(text, encoding="utf-8")
        shutil.rmtree(folder / _OLD, ignore_errors=True)
        if (folder / FOLDER).exists():
            (folder / FOLDER).rename(folder / _OLD)
        scratch.rename(folder / FOLDER)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(folder / _OLD, ignore_errors=True)


def find(folder: Path) -> Path | None:
    """The newest whole checkpoint of a training's output, if any."""
    for name in (FOLDER, _OLD):
        if (folder / name / "state.json").exists():
            return folder / name
    return None


def remove(folder: Path) -> None:
    """Remove what checkpoints there are, half-written ones as well."""
    for path in (folder / FOLDER, folder / _OLD, *folder.glob(".checkpoint-*")):
        shutil.rmtree(path, ignore_errors=True)


def restore(
    checkpoint: Path, nlp: Language, optimizer: Optimizer, corpus: str
) -> tuple[Progress, dict[str, Any], dict[str, Any]]:
    """Put weights and optimizer back. Returns progress, the batches' position, the random state.

    nlp: newly initialized from the same config. optimizer: newly made. corpus: fingerprint of the
    training data. Raises DataError if config, labels or data are others than the checkpoint's.
    """
    state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    config = Config().from_disk(checkpoint / "config.cfg", interpolate=False)
    _check_config(checkpoint, config, nlp.config)
    if state["labels"] != _labels(nlp):
        raise _differs(checkpoint, f"labels {_labels(nlp)} rather than {state['labels']}")
    if state["corpus"] != corpus:
        raise _differs(checkpoint, "other training data than it was written with")
    for name, pipe in trainable(nlp):
        pipe.model.from_bytes((checkpoint / f"{name}.model").read_bytes())
    restore_optimizer(nlp, optimizer, load_file(checkpoint / "optimizer.safetensors"))
    progress = Progress(**state["progress"])
    progress.results = [(score, step) for score, step in progress.results]
    # Schedules are generators, which cannot be stored: they are run to where they were.
    for _ in range(progress.step + 1):
        optimizer.step_schedules()
    return progress, state["position"], state["random"]


def _labels(nlp: Language) -> dict[str, list[str]]:
    return {name: [str(x) for x in getattr(pipe, "labels", ())] for name, pipe in trainable(nlp)}


def _check_config(checkpoint: Path, before: Config, now: Config) -> None:
    one, other = _flat(before), _flat(now)
    changed = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    if changed:
        raise _differs(
            checkpoint,
            "; ".join(
                f"{key} = {other.get(key)!r} rather than {one.get(key)!r}" for key in changed
            ),
        )


def _differs(checkpoint: Path, what: str) -> DataError:
    return DataError(
        str(checkpoint),
        f"this training has {what}",
        "Go on with what the checkpoint was made with, or leave out --resume to start anew",
    )


def _flat(section: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found
