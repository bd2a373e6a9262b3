"""Our pipeline and spaCy's own transformer + `ner`.

Ours is calibrated on dev, as the project does it. Both are trained by `spacy bert-ner train`, which
takes the steps that `spacy train` takes, and evaluates the last one too.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from common import Entity, Task
from spacy.cli._util import setup_gpu
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_bert_ner.calibration import calibrate
from spacy_bert_ner.training import checkpoint
from spacy_bert_ner.training.loop import train

HERE = Path(__file__).parent
CONFIGS = {"ours": HERE.parents[1] / "configs" / "default.cfg", "spacy": HERE / "stock.cfg"}


def overrides(task: Task, words: int) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "paths.train": str(task.data / "train.spacy"),
        "paths.dev": str(task.data / "dev.spacy"),
        "paths.encoder": str(task.encoder),
        "training.max_epochs": task.epochs,
        "system.seed": task.seed,
    }
    if task.system == "spacy":
        steps = round(task.epochs * words / 250)
        changes["training.optimizer.learn_rate.total_steps"] = steps
        changes["training.optimizer.learn_rate.warmup_steps"] = round(0.1 * steps)
    return changes


class Stopwatch:
    """Adds up the time spent in functions that are no part of training."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable) -> Callable:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        return wrapped


def read(path: Path, nlp: Language) -> list[Doc]:
    return [doc for doc in DocBin().from_disk(path).get_docs(nlp.vocab) if len(doc)]


def entities(doc: Doc) -> list[Entity]:
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def predict(nlp: Language, gold: list[Doc]) -> list[Doc]:
    docs = [
        Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
        for doc in gold
    ]
    return list(nlp.pipe(docs))


def main() -> None:
    task = Task.from_arguments()
    setup_gpu(task.gpu_id)
    blank = spacy.blank("en")
    dev, test = (read(task.data / f"{split}.spacy", blank) for split in ("dev", "test"))
    words = sum(map(len, read(task.data / "train.spacy", blank)))
    config = load_config(CONFIGS[task.system], overrides(task, words), interpolate=False)
    nlp = init_nlp(config, use_gpu=task.gpu_id)
    aside = Stopwatch()
    nlp.evaluate = aside.timed(nlp.evaluate)
    nlp.to_disk = aside.timed(nlp.to_disk)
    checkpoint.save = aside.timed(checkpoint.save)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        train(nlp, Path(folder), use_gpu=task.gpu_id)
        seconds = time.perf_counter() - started - aside.seconds
        best = spacy.load(Path(folder) / "model-best")
    if task.system == "ours":
        calibrate(best, Corpus(task.data / "dev.spacy")(best), "ner")
    on_dev, on_test = predict(best, dev), predict(best, test)
    ours = task.system == "ours"
    task.write(
        [entities(doc) for doc in on_dev], [entities(doc) for doc in on_test],
        [entities(doc) for doc in dev], [entities(doc) for doc in test],
        words=task.epochs * words, seconds=seconds, settings=dict(config["training"]["optimizer"]),
        confidences=[[ent._.confidence for ent in doc.ents] for doc in on_test] if ours else None,
    )  # fmt: skip


if __name__ == "__main__":
    main()
