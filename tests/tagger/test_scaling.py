"""Scaling of probabilities: by hand, back again, and at the ends."""

import math

import numpy as np
import pytest

from spacy_bert_ner.tagger.scaling import Scaling


def test_by_hand():
    p, one = np.array([0.2, 0.5, 0.8]), np.array([1])
    np.testing.assert_allclose(Scaling().confidences(p, np.array([1, 2, 3])), p)
    # Log odds of 0.8 are log 4; halved they are log 2, and less log 2 they are 0.
    assert Scaling(2.0).confidences(p, one)[2] == pytest.approx(2 / 3)
    assert Scaling(2.0, -math.log(2)).confidences(p, one)[2] == pytest.approx(0.5)
    # A bias of -1 for each unit of log(4) takes log 4 away.
    by_length = Scaling(1.0, 0.0, -1.0).confidences(np.array([0.8, 0.8]), np.array([1, 4]))
    np.testing.assert_allclose(by_length, [0.8, 0.5])


@pytest.mark.parametrize("threshold", [1e-4, 0.03, 0.5, 0.9, 0.9999])
@pytest.mark.parametrize("scaling", [(1, 0, 0), (2.3, -0.7, -1.1), (0.4, 1.5, 0.6)])
def test_no_span_of_less_probability_reaches_the_threshold(threshold, scaling):
    scaling, tokens = Scaling(*scaling), np.arange(1, 8)
    least = scaling.least_probability(threshold, longest=7)
    assert scaling.confidences(np.full(7, least), tokens).max() == pytest.approx(threshold)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certainty_stays_finite(p):
    scaling = Scaling(3.0, -1.0, -1.0)
    assert 0 < scaling.confidences(np.array([p]), np.array([5]))[0] < 1
    assert 0 < scaling.least_probability(p, 5) < 1


def test_the_order_of_spans_of_one_length_stays():
    p = np.linspace(0.01, 0.99, 50)
    assert (np.diff(Scaling(2.5, -0.8, -0.3).confidences(p, np.array([3]))) > 0).all()
