"""Further training with rehearsal: the weights move, and back towards what they were."""

import random

import pytest
import spacy
import torch
from conftest import TRAIN, entities, examples
from spacy.training import Example
from thinc.api import Adam

from spacy_bert_ner.optimizer import FineTuningOptimizer
from spacy_bert_ner.rehearsal import imitation_loss
from spacy_bert_ner.training.weights import copy_weights

NEW = [("Bolt was founded in Tallinn", [(0, 4, "ORG"), (20, 27, "GPE")])]


def raw(nlp):
    return [Example.from_dict(nlp.make_doc(text), {}) for text, _ in TRAIN]


def weights(nlp):
    return list(copy_weights(nlp).values())


def tag_probabilities(nlp):
    docs = [nlp.make_doc(text) for text, _ in TRAIN]
    docs = list(nlp.get_pipe("transformer").pipe(docs))
    return torch.softmax(nlp.get_pipe("ner").tag_scores(docs)[0], dim=1)


def test_imitation_loss_by_autograd():
    scores = torch.tensor([[0.3, -1.0, 2.0], [0.0, 0.5, 0.1], [4.0, 0.0, 0.0]], requires_grad=True)
    wanted = torch.tensor([[1.0, 0.0], [0.2, 0.3], [0.0, 9.0]])
    counted = torch.tensor([True, True, False])
    loss, gradient = imitation_loss(scores, wanted, counted)
    target = torch.softmax(wanted, 1)
    expected = torch.nn.functional.cross_entropy(scores[:2, :2], target[:2])
    expected.backward()
    assert loss == pytest.approx(float(expected))
    torch.testing.assert_close(gradient, scores.grad)
    assert (gradient[:, 2] == 0).all()


def test_without_a_change_there_is_nothing_to_learn(trained):
    optimizer = trained.resume_training(sgd=FineTuningOptimizer(1e-3))
    before = weights(trained)
    trained.rehearse(raw(trained), sgd=optimizer)
    # The gradient is zero up to rounding, and Adam makes steps of its sign: no more than the rate.
    assert all((a - b).abs().max() <= 1.01e-2 for a, b in zip(weights(trained), before))


@pytest.mark.parametrize("optimizer", [FineTuningOptimizer, Adam])
def test_rehearsal_moves_all_weights_back(trained, optimizer):
    sgd = trained.resume_training(sgd=optimizer(1e-3))
    knew = tag_probabilities(trained).clone()
    data = examples(trained, NEW)
    for _ in range(8):
        trained.update(data, sgd=sgd)
    changed = weights(trained)
    far = float((tag_probabilities(trained) - knew).abs().mean())
    losses = {}
    for _ in range(12):
        trained.rehearse(raw(trained), sgd=sgd, losses=losses)
    assert losses["ner"] > 0
    moved = [not torch.equal(a, b) for a, b in zip(weights(trained), changed)]
    assert sum(moved) > 0.9 * len(moved)
    assert float((tag_probabilities(trained) - knew).abs().mean()) < 0.8 * far


def test_learning_new_texts_without_forgetting_old_ones(trained):
    knew = [entities(doc) for doc in trained.pipe(t for t, _ in TRAIN)]
    sgd = trained.resume_training(sgd=FineTuningOptimizer(5e-4))
    data = examples(trained, NEW)
    for _ in range(12):
        trained.update(data, sgd=sgd)
        trained.rehearse(raw(trained), sgd=sgd)
    assert entities(trained(NEW[0][0])) == [("Bolt", "ORG"), ("Tallinn", "GPE")]
    assert [entities(doc) for doc in trained.pipe(t for t, _ in TRAIN)] == knew


def test_labels_added_meanwhile(trained):
    sgd = trained.resume_training(sgd=FineTuningOptimizer(1e-3))
    trained.get_pipe("ner").add_label("FAC")
    losses = trained.rehearse(raw(trained), sgd=sgd)
    assert losses["ner"] >= 0


@pytest.mark.parametrize("seed", range(6))
def test_it_never_depends_on_the_order_of_components(trained, seed):
    sgd = trained.resume_training(sgd=FineTuningOptimizer(1e-3))
    trained.update(examples(trained, NEW), sgd=sgd)
    before = weights(trained)
    random.seed(seed)  # nlp.rehearse() shuffles them
    trained.rehearse(raw(trained), sgd=sgd)
    moved = [not torch.equal(a, b) for a, b in zip(weights(trained), before)]
    assert sum(moved) > 0.9 * len(moved)


def test_an_encoder_of_its_own(trained):
    trained.replace_listeners("transformer", "ner", ["model.tok2vec"])
    sgd = trained.resume_training(sgd=FineTuningOptimizer(1e-3))
    trained.update(examples(trained, NEW), sgd=sgd, exclude=["transformer"])
    before = weights(trained)
    trained.rehearse(raw(trained), sgd=sgd)
    assert any(not torch.equal(a, b) for a, b in zip(weights(trained), before))


def test_after_loading(trained, tmp_path):
    trained.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    sgd = loaded.resume_training(sgd=FineTuningOptimizer(1e-3))
    loaded.update(examples(loaded, NEW), sgd=sgd)
    assert loaded.rehearse(raw(loaded), sgd=sgd)["ner"] > 0


def test_odd_documents(trained):
    sgd = trained.resume_training(sgd=FineTuningOptimizer(1e-3))
    odd = [Example.from_dict(trained.make_doc(text), {}) for text in ("", " ", "a")]
    trained.rehearse(odd, sgd=sgd)
    trained.rehearse(odd[:1], sgd=sgd)


def test_rehearsing_too_early(trained):
    with pytest.raises(ValueError, match=r"nlp\.resume_training\(\)"):
        trained.rehearse(raw(trained))


def test_a_pipeline_that_is_gone(trained):
    ner = trained.get_pipe("ner")
    from spacy_bert_ner import rehearsal

    del rehearsal._pipelines[ner]
    with pytest.raises(ValueError, match="replace_listeners"):
        trained.resume_training(sgd=FineTuningOptimizer(1e-3))
