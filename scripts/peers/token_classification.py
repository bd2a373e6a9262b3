"""Hugging Face token classification, as its own examples do it and with tuned rates."""

from __future__ import annotations

import copy
import random
import time

import torch
from common import Entity, Sentence, Task, from_bio, read_split, scores, to_bio
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    get_linear_schedule_with_warmup,
)

IGNORED = -100
RECIPES = {
    "hf": {"rate": 5e-5, "head_rate": 5e-5, "batch": 32, "warmup": 0.0, "decay": 0.0},
    "hf-tuned": {"rate": 1e-4, "head_rate": 1e-3, "batch": 16, "warmup": 0.1, "decay": 0.01},
}
MAX_LENGTH = 512


class Tagger:
    def __init__(self, task: Task, tags: list[str]) -> None:
        self.tags = tags
        self.tokenizer = AutoTokenizer.from_pretrained(task.encoder, add_prefix_space=True)
        self.device = torch.device(f"cuda:{task.gpu_id}" if task.gpu_id >= 0 else "cpu")
        self.model = AutoModelForTokenClassification.from_pretrained(
            task.encoder, num_labels=len(tags), torch_dtype="float32"
        ).to(self.device)

    def encode(self, batch: list[Sentence]) -> tuple[dict, list[list[int | None]]]:
        inputs = self.tokenizer(
            [s.words for s in batch], is_split_into_words=True, padding=True, truncation=True,
            max_length=MAX_LENGTH, return_tensors="pt",
        )  # fmt: skip
        owners = [inputs.word_ids(row) for row in range(len(batch))]
        return {key: value.to(self.device) for key, value in inputs.items()}, owners

    def loss(self, batch: list[Sentence]) -> torch.Tensor:
        inputs, owners = self.encode(batch)
        labels = torch.full(inputs["input_ids"].shape, IGNORED)
        for row, (sentence, words) in enumerate(zip(batch, owners)):
            tags = to_bio(sentence)
            for column, word in enumerate(words):
                if word is not None and word != words[column - 1]:
                    labels[row, column] = self.tags.index(tags[word])
        return self.model(**inputs, labels=labels.to(self.device)).loss

    @torch.no_grad()
    def predict(self, sentences: list[Sentence]) -> list[list[Entity]]:
        self.model.eval()
        found: list[list[Entity]] = []
        for start in range(0, len(sentences), 32):
            batch = sentences[start : start + 32]
            inputs, owners = self.encode(batch)
            best = self.model(**inputs).logits.argmax(-1).tolist()
            for sentence, words, row in zip(batch, owners, best):
                tags = ["O"] * len(sentence.words)
                for column, word in enumerate(words):
                    if word is not None and word != words[column - 1]:
                        tags[word] = self.tags[row[column]]
                found.append(from_bio(tags))
        return found


def parameter_groups(model: torch.nn.Module, recipe: dict) -> list[dict]:
    groups = []
    for name, parameter in model.named_parameters():
        decays = parameter.ndim > 1
        groups.append(
            {
                "params": [parameter],
                "lr": recipe["head_rate" if name.startswith("classifier") else "rate"],
                "weight_decay": recipe["decay"] if decays else 0.0,
            }
        )
    return groups


def main() -> None:
    task = Task.from_arguments()
    recipe = RECIPES[task.system]
    random.seed(task.seed)
    torch.manual_seed(task.seed)
    train, dev, test = (read_split(task, split) for split in ("train", "dev", "test"))
    tagger = Tagger(task, ["O", *sorted({tag for s in train for tag in to_bio(s)} - {"O"})])
    optimizer = torch.optim.AdamW(parameter_groups(tagger.model, recipe))
    steps = task.epochs * -(-len(train) // recipe["batch"])
    schedule = get_linear_schedule_with_warmup(optimizer, round(recipe["warmup"] * steps), steps)
    dev_gold = [s.ents for s in dev]
    best, best_score, seconds = None, -1.0, 0.0
    for epoch in range(task.epochs):
        started = time.perf_counter()
        tagger.model.train()
        random.shuffle(train)
        for start in range(0, len(train), recipe["batch"]):
            tagger.loss(train[start : start + recipe["batch"]]).backward()
            torch.nn.utils.clip_grad_norm_(tagger.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        seconds += time.perf_counter() - started
        if epoch < int(0.6 * task.epochs):
            # The rates still fall; scoring dev takes as long as an epoch of a small corpus.
            continue
        score = scores(tagger.predict(dev), dev_gold)["f"]
        print(f"epoch {epoch}: dev {score:.2f}", flush=True)
        if score > best_score:
            best, best_score = copy.deepcopy(tagger.model.state_dict()), score
    tagger.model.load_state_dict(best)
    task.write(
        tagger.predict(dev), tagger.predict(test), dev_gold, [s.ents for s in test],
        words=task.epochs * sum(len(s.words) for s in train), seconds=seconds, settings=recipe,
    )  # fmt: skip


if __name__ == "__main__":
    main()
