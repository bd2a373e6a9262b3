"""Platt scaling: by hand, back again, and at the ends."""

import math

import numpy as np
import pytest

from spacy_bert_ner.tagger.scaling import scaled, unscaled


def test_by_hand():
    # Log odds of 0.8 are log 4; halved they are log 2, and less log 2 they are 0.
    assert scaled(0.8, 2.0, 0.0) == pytest.approx(2 / 3)
    assert scaled(0.8, 2.0, -math.log(2)) == pytest.approx(0.5)
    np.testing.assert_allclose(scaled(np.array([0.2, 0.5, 0.8]), 1.0, 0.0), [0.2, 0.5, 0.8])


@pytest.mark.parametrize("p", [1e-4, 0.03, 0.5, 0.9, 0.9999])
@pytest.mark.parametrize(("temperature", "bias"), [(1.0, 0.0), (2.3, -0.7), (0.4, 1.5)])
def test_there_and_back(p, temperature, bias):
    assert unscaled(float(scaled(p, temperature, bias)), temperature, bias) == pytest.approx(p)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certainty_stays_finite(p):
    assert 0 < scaled(p, 3.0, -1.0) < 1
    assert 0 < unscaled(p, 3.0, -1.0) < 1


def test_the_order_stays():
    p = np.linspace(0.01, 0.99, 50)
    assert (np.diff(scaled(p, 2.5, -0.8)) > 0).all()
