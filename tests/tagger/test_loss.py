import numpy as np
import pytest
import torch

from spacy_bert_ner.tagger.loss import tag_loss
from spacy_bert_ner.tagger.scheme import MISSING


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_mean_cross_entropy_of_annotated_tokens():
    scores = np.random.default_rng(0).normal(size=(4, 3)).astype("f")
    gold = np.array([2, MISSING, 0, 1])
    loss, gradient = tag_loss(torch.from_numpy(scores), gold)
    p = softmax(scores)
    assert loss == pytest.approx(-np.mean(np.log([p[0, 2], p[2, 0], p[3, 1]])), rel=1e-5)
    expected = (p - np.eye(3)[gold]) / 3
    expected[1] = 0
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-6)


def test_nothing_annotated():
    loss, gradient = tag_loss(torch.randn(2, 3), np.array([MISSING, MISSING]))
    assert loss == 0
    assert not gradient.any()


def test_incorrect_span():
    scores = np.random.default_rng(1).normal(size=(3, 4)).astype("f")
    gold = np.full(3, MISSING)
    loss, gradient = tag_loss(torch.from_numpy(scores), gold, [(1, [2, 3])])
    p = softmax(scores)
    span = p[1, 2] * p[2, 3]
    assert loss == pytest.approx(-np.log(1 - span), rel=1e-5)
    # A step against the gradient makes the span less likely and leaves other tokens alone.
    after = softmax(scores - gradient.numpy())
    assert after[1, 2] * after[2, 3] < span
    assert not gradient[0].any()


def test_certain_incorrect_span_has_a_bounded_loss():
    scores = torch.zeros(1, 2)
    scores[0, 1] = 100.0
    loss, gradient = tag_loss(scores, np.array([MISSING]), [(0, [1])])
    assert np.isfinite(loss)
    assert torch.isfinite(gradient).all()
