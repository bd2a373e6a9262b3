"""What the benchmark of speed compares: each system as a function that tags a list of texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
import torch
from spacy.cli._util import setup_gpu
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForTokenClassification,
    AutoTokenizer,
    pipeline,
)

from spacy_bert_ner.encoder.model import CPU_PACKING, GPU_PACKING

# Tags a list of texts; returns how many entities there are, so that none can be left unread.
Tag = Callable[[list[str]], int]

# Most pieces of a window, and the part of it that neighbours share where a peer can do that.
WINDOW = 512
SHARED = 8
# As ours packs its windows.
CELLS = {"cpu": CPU_PACKING["max_padded"], "cuda": GPU_PACKING["max_padded"]}
HF_BATCH = {"cpu": 8, "cuda": 128}


def device_of(gpu_id: int) -> torch.device:
    return torch.device(f"cuda:{gpu_id}" if gpu_id >= 0 else "cpu")


def spacy_tag(nlp: Language) -> Tag:
    return lambda texts: sum(len(doc.ents) for doc in nlp.pipe(texts))


def load(path: Path, gpu_id: int, **overrides: Any) -> Language:
    setup_gpu(gpu_id, silent=True)
    return spacy.load(path, config=overrides)


def untrained(config: Path, train: Path, dev: Path, encoder: Path, gpu_id: int) -> Language:
    """The pipeline of a config, initialized for training."""
    setup_gpu(gpu_id, silent=True)
    paths = {"paths.train": str(train), "paths.dev": str(dev), "paths.encoder": str(encoder)}
    return init_nlp(load_config(config, paths, interpolate=False), use_gpu=gpu_id)


def update(nlp: Language, optimizer: Any, batch: list[Example]) -> None:
    """One step as spaCy's training loop takes it."""
    nlp.update(batch, drop=0.1, sgd=False)  # type: ignore[arg-type]
    for _, pipe in nlp.pipeline:
        if hasattr(pipe, "finish_update"):
            pipe.finish_update(optimizer)
    optimizer.step_schedules()


def window_of(encoder: Path) -> int:
    limits = (
        AutoTokenizer.from_pretrained(encoder).model_max_length,
        AutoConfig.from_pretrained(encoder).max_position_embeddings,
    )
    return min(WINDOW, *limits)


class ForwardPass:
    """The encoder alone, on texts turned into padded batches beforehand, sorted by length."""

    def __init__(self, encoder: Path, gpu_id: int) -> None:
        self.device = device_of(gpu_id)
        self.window = window_of(encoder)
        self.tokenizer = AutoTokenizer.from_pretrained(encoder)
        self.model = AutoModel.from_pretrained(encoder, torch_dtype="float32")
        self.model = self.model.to(self.device).eval()
        self.half = gpu_id >= 0 and torch.cuda.is_bf16_supported()

    def batches(self, texts: list[str]) -> list[dict[str, torch.Tensor]]:
        """Padded windows on the CPU, longest first."""
        encoded = self.tokenizer(
            texts,
            truncation=True,
            max_length=self.window,
            return_overflowing_tokens=True,
            verbose=False,
        )
        rows = sorted(encoded["input_ids"], key=len, reverse=True)
        batches = []
        while rows:
            n = max(1, CELLS[self.device.type] // len(rows[0]))
            padded = self.tokenizer.pad({"input_ids": rows[:n]}, return_tensors="pt")
            batches.append(dict(padded))
            rows = rows[n:]
        return batches

    @torch.inference_mode()
    def run(self, batches: list[dict[str, torch.Tensor]]) -> int:
        for batch in batches:
            inputs = {name: tensor.to(self.device) for name, tensor in batch.items()}
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                self.model(**inputs)
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return len(batches)


def huggingface(ours: Language | None, encoder: Path, gpu_id: int) -> Tag:
    """Hugging Face's pipeline with the encoder and the classifier of ours, or with untrained ones.

    The case embedding has no place there, so that it finds other entities, but about as many.
    """
    device = device_of(gpu_id)
    if ours is None:
        model = AutoModelForTokenClassification.from_pretrained(encoder)
    else:
        model = _transplanted(ours, encoder)
    window = window_of(encoder)
    tagger = pipeline(
        "token-classification",
        model=model.eval(),
        tokenizer=AutoTokenizer.from_pretrained(encoder, model_max_length=window),
        device=device,
        aggregation_strategy="simple",
        stride=window // SHARED,
        batch_size=HF_BATCH[device.type],
        torch_dtype=torch.float16 if gpu_id >= 0 else torch.float32,
    )
    return lambda texts: sum(len(ents) for ents in tagger(texts))


def _transplanted(ours: Language, encoder: Path) -> Any:
    ner = ours.get_pipe("ner")
    config = AutoConfig.from_pretrained(encoder, num_labels=len(ner.scheme))
    # Entities of BILUO tags are joined where they are called by their names in IOB2.
    config.id2label = {
        i: tag.replace("U-", "B-", 1).replace("L-", "I-", 1)
        for i, tag in enumerate(ner.scheme.tags)
    }
    config.label2id = {tag: i for i, tag in config.id2label.items()}
    model = AutoModelForTokenClassification.from_config(config)
    network = ours.get_pipe("transformer").model.shims[0].module
    linear = ner.model.get_ref("head").shims[0].module.linear
    getattr(model, model.base_model_prefix).load_state_dict(network.transformer.state_dict())
    model.classifier.load_state_dict(linear.state_dict())
    return model
