"""Fixtures: tiny encoders with random weights, and small pipelines made from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before transformers is imported: a test must never wait for a hub.
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import spacy
import torch
from spacy.cli._util import app as spacy_app
from spacy.language import Language
from spacy.training import Example
from tiny_encoders import FAMILIES, save_tiny_encoder
from typer.testing import CliRunner

# Fixtures of a whole training in miniature.
pytest_plugins = ["miniature"]

TRAIN = [
    ("Ada Lovelace lives in London.", [(0, 12, "PERSON"), (22, 28, "GPE")]),
    ("Nokia opened in Oulu on Monday.", [(0, 5, "ORG"), (16, 20, "GPE"), (24, 30, "DATE")]),
    ("the board met and nothing happened", []),
    ("London is larger than Oulu .", [(0, 6, "GPE"), (22, 26, "GPE")]),
    ("She paid Ada Lovelace for Nokia shares", [(9, 21, "PERSON"), (26, 31, "ORG")]),
]

CONFIG = """
[nlp]
lang = "en"
pipeline = ["transformer","ner"]

[components]

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-bert-ner.TransformerModel.v1"
name = "ENCODER"
overlap = 8
max_token_pieces = 8

[components.ner]
factory = "bert_ner"

[components.ner.model]
@architectures = "spacy-bert-ner.TokenClassifier.v1"

[components.ner.model.tok2vec]
@architectures = "spacy-bert-ner.TransformerListener.v1"
"""


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """family -> folder of a tiny encoder of that family, made once a session."""
    made: dict[str, Path] = {}

    def folder(family: str = "bert") -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family)
            save_tiny_encoder(family, made[family])
        return made[family]

    return folder


@pytest.fixture(params=FAMILIES)
def any_encoder(request: pytest.FixtureRequest, encoder_folder: Callable[[str], Path]) -> Path:
    return encoder_folder(request.param)


@pytest.fixture
def bert_ner() -> Callable[..., Any]:
    """Call `spacy bert-ner` with these arguments; returns exit code and output."""
    import spacy_bert_ner.cli  # noqa: F401  (registers the commands, as the entry point does)

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(spacy_app, ["bert-ner", *map(str, arguments)])

    return run


def examples(nlp: Language, data: list = TRAIN) -> list[Example]:
    return [
        Example.from_dict(nlp.make_doc(text), {"entities": entities}) for text, entities in data
    ]


@pytest.fixture
def make_nlp(encoder_folder: Callable[[str], Path]) -> Callable[..., Language]:
    """Make a pipeline on a tiny encoder; `changes` are dotted config overrides."""

    def make(family: str = "bert", *, initialize: bool = True, **changes: object) -> Language:
        torch.manual_seed(0)
        text = CONFIG.replace("ENCODER", str(encoder_folder(family)))
        config = spacy.util.load_config_from_str(text, overrides=changes)
        nlp = spacy.util.load_model_from_config(config, auto_fill=True)
        if initialize:
            nlp.initialize(lambda: examples(nlp))
        return nlp

    return make


@pytest.fixture
def trained(make_nlp: Callable[..., Language]) -> Language:
    """A pipeline trained until it knows its five sentences."""
    nlp = make_nlp(
        **{
            "components.transformer.model.transformer_config": {
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            }
        }
    )
    train(nlp, steps=60)
    return nlp


def train(nlp: Language, *, steps: int, learn_rate: float = 3e-3) -> list[float]:
    """Train as spaCy's loop does. Returns the loss of each step."""
    from spacy_bert_ner.optimizer import FineTuningOptimizer

    optimizer = FineTuningOptimizer(learn_rate, head_factor=2.0)
    data = examples(nlp)
    losses = []
    for _ in range(steps):
        loss: dict[str, float] = {}
        nlp.update(data, drop=0.0, sgd=False, losses=loss)
        for _, pipe in nlp.pipeline:
            if hasattr(pipe, "finish_update"):
                pipe.finish_update(optimizer)
        optimizer.step_schedules()
        losses.append(loss["ner"])
    return losses


def entities(doc: spacy.tokens.Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]
