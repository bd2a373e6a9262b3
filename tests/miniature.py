"""A training in miniature: a config with everything a training needs, and two corpora."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from conftest import CONFIG, TRAIN
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.util import load_config_from_str

TRAINING = """
[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = "TRAINFILE"

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = "DEVFILE"

[training]
seed = 3
gpu_allocator = null
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"
max_epochs = 4
max_steps = 0
patience = 0
eval_frequency = 5
accumulate_gradient = 2
dropout = 0.2

[training.batcher]
@batchers = "spacy.batch_by_words.v1"
size = 20
tolerance = 0.2
discard_oversize = false

[training.logger]
@loggers = "spacy.ConsoleLogger.v1"
progress_bar = false

[training.optimizer]
@optimizers = "spacy-bert-ner.AdamW.v1"

[training.optimizer.learn_rate]
@schedules = "spacy-bert-ner.linear_epochs.v1"
peak = 0.003
epochs = 4
train = "TRAINFILE"
batch_words = 20

[initialize]
"""

TOK2VEC = """
[components.ner.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 16
depth = 1
embed_size = 50
window_size = 1
maxout_pieces = 2
subword_features = true
"""

CNN = """
[nlp]
lang = "en"
pipeline = ["ner"]

[components]

[components.ner]
factory = "bert_ner"

[components.ner.model]
@architectures = "spacy-bert-ner.TokenClassifier.v1"
"""

# spaCy's own component, whose losses are numpy scalars.
STOCK = """
[nlp]
lang = "en"
pipeline = ["ner"]

[components]

[components.ner]
factory = "ner"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 8
maxout_pieces = 2
use_upper = true
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    docs = []
    for copy in range(4):
        for text, spans in TRAIN:
            doc = nlp.make_doc(f"{text} {copy}")
            doc.set_ents([doc.char_span(s, e, label=y) for s, e, y in spans], default="outside")
            docs.append(doc)
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    DocBin(docs=docs[:5]).to_disk(tmp_path / "dev.spacy")
    return tmp_path


@pytest.fixture
def config_text(corpus: Path, encoder_folder: Callable[[str], Path]) -> Callable[..., str]:
    def text(kind: str = "transformer") -> str:
        pipelines = {"cnn": CNN + TOK2VEC, "stock": STOCK + TOK2VEC}
        base = pipelines.get(kind) or CONFIG.replace("ENCODER", str(encoder_folder("bert")))
        training = TRAINING.replace("TRAINFILE", str(corpus / "train.spacy"))
        return base + training.replace("DEVFILE", str(corpus / "dev.spacy"))

    return text


@pytest.fixture
def fresh(config_text: Callable[..., str]) -> Callable[..., Language]:
    """A newly initialized pipeline; `changes` are dotted config overrides."""

    def make(kind: str = "transformer", **changes: object) -> Language:
        config = load_config_from_str(config_text(kind), overrides=changes, interpolate=False)
        return init_nlp(config)

    return make
