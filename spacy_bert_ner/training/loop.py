"""spaCy's training loop, step for step, in a form that can be interrupted and goes on later."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from timeit import default_timer
from typing import IO, Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.loop import (
    create_before_to_disk_callback,
    create_evaluation_callback,
    subdivide_batch,
    update_meta,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, set_gpu_allocator

from ..data.records import DataError
from ..models import save
from . import checkpoint
from .batches import TrainBatches
from .checkpoint import Progress
from .randomness import set_random_state
from .weights import trainable

BEST = "model-best"
LAST = "model-last"


class Interrupted(Exception):
    """Training was told to stop, and has written a checkpoint."""


def train(
    nlp: Language,
    output: Path,
    *,
    use_gpu: int = -1,
    resume: bool = False,
    stdout: IO = sys.stdout,
    stderr: IO = sys.stderr,
) -> None:
    """Train as `spacy train` does, to the same weights, leaving model-best and model-last.

    Two things are added. The last step is evaluated too, whatever `eval_frequency`, so that short
    trainings are not lost on an untrained model-best. And each evaluation writes a checkpoint, from
    which `resume` goes on as if nothing had happened: with the same data, config and machine, to
    the same weights.

    nlp: initialized from its full config. output: folder for the results. resume: go on from the
    checkpoint in `output`. Raises DataError if there is none or if it does not fit, and Interrupted
    after SIGINT or SIGTERM, when the step in progress is done and a checkpoint written.
    """
    found = checkpoint.find(output)
    if resume and found is None:
        raise DataError(str(output), "no checkpoint to go on from", "Leave out --resume to start")
    run = _Run(nlp, output, use_gpu)
    if resume and found is not None:
        run.resume(found)
    else:
        for name in (BEST, LAST):
            shutil.rmtree(output / name, ignore_errors=True)
        checkpoint.remove(output)
    frozen = run.settings["frozen_components"]
    with nlp.select_pipes(disable=frozen):
        log_step, finalize = run.settings["logger"](nlp, stdout, stderr)
    try:
        with _deferred_signals() as stopped:
            for info in run.steps(stopped):
                log_step(info)
    finally:
        finalize()
    checkpoint.remove(output)


class _Run:
    def __init__(self, nlp: Language, output: Path, use_gpu: int) -> None:
        config = nlp.config.interpolate()
        training = config["training"]
        if training["seed"] is not None:
            fix_random_seed(training["seed"])
        if use_gpu >= 0 and training["gpu_allocator"]:
            set_gpu_allocator(training["gpu_allocator"])
        self.nlp = nlp
        self.output = output
        self.settings: dict[str, Any] = registry.resolve(training, schema=ConfigSchemaTraining)
        train_corpus, dev_corpus = resolve_dot_names(
            config, [self.settings["train_corpus"], self.settings["dev_corpus"]]
        )
        self.optimizer = self.settings["optimizer"]
        self._evaluate = create_evaluation_callback(nlp, dev_corpus, self.settings["score_weights"])
        self._before_to_disk = create_before_to_disk_callback(self.settings["before_to_disk"])
        self._batches = TrainBatches(
            nlp, train_corpus, self.settings["batcher"], self.settings["max_epochs"]
        )
        self.progress = Progress()
        dropout = self.settings["dropout"]
        self._dropouts: Iterator[float] = (
            repeat(dropout) if isinstance(dropout, float) else iter(dropout)
        )
        self._started = default_timer()

    def resume(self, found: Path) -> None:
        self.progress, position, random = checkpoint.restore(
            found, self.nlp, self.optimizer, self._batches.fingerprint
        )
        for _ in range(self.progress.step + 1):
            next(self._dropouts)
        self._batches.resume(position)
        self._started = default_timer() - self.progress.seconds
        set_random_state(random)
        if self.progress.evaluated:
            # The checkpoint is written before the models are, which may have been cut off.
            self.nlp.meta["performance"] = self.progress.performance
            self._save_models()

    def steps(self, stopped: Callable[[], bool]) -> Iterator[dict[str, Any] | None]:
        """Train. Yields what the logger wants after each step: None if it was not evaluated."""
        settings, progress = self.settings, self.progress
        info: dict[str, Any] | None = None
        for epoch, batch in self._batches:
            progress.step += 1
            self._update(epoch, batch)
            progress.words += sum(len(example) for example in batch)
            info = None
            if progress.step % settings["eval_frequency"] == 0:
                info = self._evaluated(epoch)
            else:
                progress.evaluated = progress.is_best = False
            yield info
            if info is not None:
                progress.losses = {}
                self._checkpoint()
                self._save_models()
            if stopped():
                if info is None:
                    self._checkpoint()
                raise Interrupted
            if self._should_stop():
                break
        if info is None and progress.step >= 0:
            yield self._evaluated(self._batches.position()["epoch"])
            self._save_models()

    def _update(self, epoch: int, batch: list) -> None:
        settings, progress, nlp = self.settings, self.progress, self.nlp
        if settings["before_update"]:
            settings["before_update"](nlp, {"step": progress.step, "epoch": epoch})
        dropout = next(self._dropouts)
        for part in subdivide_batch(batch, settings["accumulate_gradient"]):
            nlp.update(
                part,
                drop=dropout,
                losses=progress.losses,
                sgd=False,  # type: ignore[arg-type]
                exclude=settings["frozen_components"],
                annotates=settings["annotating_components"],
            )
        for name, pipe in trainable(nlp):
            if name not in settings["frozen_components"]:
                pipe.finish_update(self.optimizer)
        self.optimizer.step_schedules()

    def _evaluated(self, epoch: int) -> dict[str, Any]:
        progress = self.progress
        with self.nlp.use_params(self.optimizer.averages or {}):
            score, others = self._evaluate()
        progress.results.append((score, progress.step))
        progress.is_best = score == max(progress.results)[0]
        progress.evaluated = True
        progress.seconds = default_timer() - self._started
        info = {
            "epoch": epoch,
            "step": progress.step,
            "score": score,
            "other_scores": others,
            "losses": progress.losses,
            "checkpoints": progress.results,
            "seconds": int(progress.seconds),
            "words": progress.words,
            "output_path": str(self.output / LAST),
        }
        with self.nlp.select_pipes(disable=self.settings["frozen_components"]):
            update_meta(self.settings, self.nlp, info)
        progress.performance = self.nlp.meta["performance"]
        return info

    def _checkpoint(self) -> None:
        self.progress.seconds = default_timer() - self._started
        checkpoint.save(
            self.output,
            self.nlp,
            self.optimizer,
            self.progress,
            self._batches.position(),
            self._batches.fingerprint,
        )

    def _save_models(self) -> None:
        with self.nlp.use_params(self.optimizer.averages or {}):
            save(self._before_to_disk(self.nlp), self.output / LAST)
        if self.progress.is_best:
            shutil.rmtree(self.output / BEST, ignore_errors=True)
            shutil.copytree(self.output / LAST, self.output / BEST)

    def _should_stop(self) -> bool:
        step, results = self.progress.step, self.progress.results
        patience, max_steps = self.settings["patience"], self.settings["max_steps"]
        # The earliest of equally good steps counts.
        best_step = -max((score, -when) for score, when in results)[1]
        return bool(
            (patience and step - best_step >= patience) or (max_steps and step >= max_steps)
        )


@contextmanager
def _deferred_signals() -> Iterator[Callable[[], bool]]:
    """Let the step in progress end. Yields what says whether to stop after it."""
    caught: list[int] = []

    def note(number: int, frame: Any) -> None:
        if caught:
            # Asked for a second time: at once.
            raise KeyboardInterrupt
        caught.append(number)

    names = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {name: signal.signal(name, note) for name in names}
    except ValueError:
        # Not in the main thread, where alone signals can be handled.
        yield lambda: False
        return
    try:
        yield lambda: bool(caught)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
