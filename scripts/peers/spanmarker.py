"""SpanMarker (Aarsen, 2023), trained as its documentation does it, in an environment of its own."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from common import Entity, Sentence, Task, read_split, to_bio
from datasets import Dataset
from span_marker import SpanMarkerModel, Trainer
from transformers import TrainingArguments

SETTINGS = {"rate": 5e-5, "batch": 32, "warmup": 0.1, "decay": 0.01, "max_length": 256, "span": 8}


def dataset(sentences: list[Sentence], tags: list[str]) -> Dataset:
    return Dataset.from_dict(
        {
            "tokens": [s.words for s in sentences],
            "ner_tags": [[tags.index(t) if t in tags else 0 for t in to_bio(s)] for s in sentences],
        }
    )


def predict(model: Any, sentences: list[Sentence]) -> list[list[Entity]]:
    found = model.predict([s.words for s in sentences], batch_size=32)
    return [
        [(e["word_start_index"], e["word_end_index"], e["label"]) for e in row] for row in found
    ]


def main() -> None:
    task = Task.from_arguments()
    train, dev, test = (read_split(task, split) for split in ("train", "dev", "test"))
    labels = sorted({label for s in train for _, _, label in s.ents})
    tags = ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]
    model = SpanMarkerModel.from_pretrained(
        str(task.encoder),
        labels=tags,
        model_max_length=SETTINGS["max_length"],
        marker_max_length=128,
        entity_max_length=SETTINGS["span"],
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            learning_rate=SETTINGS["rate"],
            per_device_train_batch_size=SETTINGS["batch"],
            per_device_eval_batch_size=SETTINGS["batch"],
            num_train_epochs=task.epochs,
            weight_decay=SETTINGS["decay"],
            warmup_ratio=SETTINGS["warmup"],
            seed=task.seed,
            use_cpu=task.gpu_id < 0,
            save_strategy="no",
            eval_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=dataset(train, tags))
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    task.write(
        predict(trainer.model, dev), predict(trainer.model, test),
        [s.ents for s in dev], [s.ents for s in test],
        words=task.epochs * sum(len(s.words) for s in train), seconds=seconds, settings=SETTINGS,
    )  # fmt: skip


if __name__ == "__main__":
    main()
