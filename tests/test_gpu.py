"""What needs a GPU; elsewhere these tests are skipped."""

import numpy as np
import pytest
import spacy
import torch
from conftest import TRAIN, entities, train
from thinc.api import require_cpu, require_gpu
from thinc.compat import has_cupy_gpu

pytestmark = pytest.mark.skipif(
    not (torch.cuda.is_available() and has_cupy_gpu), reason="needs a GPU, and cupy that sees it"
)


@pytest.fixture
def gpu():
    require_gpu(0)
    yield
    require_cpu()


def test_predictions_agree_with_those_of_the_cpu(trained, tmp_path, gpu):
    require_cpu()
    trained.to_disk(tmp_path / "model")
    texts = [text for text, _ in TRAIN] * 20 + [" ".join(text for text, _ in TRAIN) * 30]
    on_cpu = [entities(doc) for doc in trained.pipe(texts)]
    require_gpu(0)
    nlp = spacy.load(tmp_path / "model")
    assert next(nlp.get_pipe("transformer").model.shims[0].module.parameters()).is_cuda
    on_gpu = [entities(doc) for doc in nlp.pipe(texts)]
    agreed = np.mean([a == b for a, b in zip(on_cpu, on_gpu)])
    assert agreed >= 0.99


def test_training(gpu, make_nlp):
    nlp = make_nlp()
    losses = train(nlp, steps=40)
    assert losses[-1] < 0.5 * losses[0]
