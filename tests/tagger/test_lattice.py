"""Forward–backward against adding up every valid tag sequence."""

import itertools

import numpy as np
import pytest
import torch
from test_decode import is_valid

from spacy_bert_ner.tagger.decode import TokenRole
from spacy_bert_ner.tagger.lattice import span_lattice
from spacy_bert_ner.tagger.scheme import TagScheme

LENGTHS = np.array([4, 0, 1, 3, 2])


def weights_of(scores, roles, scheme):
    """(tokens, tags) weights of the tags, before any normalization."""
    weights = np.exp(scores.astype("d"))
    for token, role in enumerate(roles):
        for tag, prefix in enumerate(scheme.prefixes):
            if role == TokenRole.OUTSIDE:
                weights[token, tag] = prefix == "O"
            elif role == TokenRole.WHITESPACE:
                weights[token, tag] = prefix in "OI"
    return weights


def brute_force(scores, roles, scheme):
    """The probability of each (start, end, label) that has any."""
    weights = weights_of(scores, roles, scheme)
    total = 0.0
    spans = {}
    for path in itertools.product(range(len(scheme)), repeat=len(scores)):
        if not is_valid(path, scheme):
            continue
        weight = np.prod([weights[token, tag] for token, tag in enumerate(path)])
        total += weight
        for span in zip(*scheme.spans(np.array(path), np.array([len(path)]))):
            key = tuple(int(part) for part in span)
            spans[key] = spans.get(key, 0.0) + weight
    return {span: weight / total for span, weight in spans.items() if weight}


def batch(name, seed):
    scheme = TagScheme(["A", "B"], name)
    rng = np.random.default_rng(seed)
    scores = (2 * rng.normal(size=(LENGTHS.sum(), len(scheme)))).astype("f")
    roles = rng.choice(3, size=len(scores), p=[0.8, 0.1, 0.1])
    expected = {}
    for end, length in zip(np.cumsum(LENGTHS), LENGTHS):
        part = slice(end - length, end)
        if length:
            found = brute_force(scores[part], roles[part], scheme)
            expected |= {
                (s + end - length, e + end - length, y): p for (s, e, y), p in found.items()
            }
    return scheme, scores, roles, expected


@pytest.mark.parametrize("name", ["biluo", "iob"])
@pytest.mark.parametrize("seed", range(10))
def test_every_span_has_its_probability(name, seed):
    scheme, scores, roles, expected = batch(name, seed)
    lattice = span_lattice(torch.from_numpy(scores), LENGTHS, roles, scheme)
    ends = np.cumsum(LENGTHS)
    spans = [
        (start, stop)
        for end, length in zip(ends, LENGTHS)
        for start in range(end - length, end)
        for stop in range(start + 1, end + 1)
    ]
    starts, stops = np.array(spans).T
    probabilities = lattice.label_probabilities(starts, stops)
    assert probabilities.shape == (len(spans), 2)
    wanted = [[expected.get((int(s), int(e), y), 0.0) for y in range(2)] for s, e in spans]
    np.testing.assert_allclose(probabilities, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["biluo", "iob"])
@pytest.mark.parametrize("threshold", [0.01, 0.2, 0.6])
@pytest.mark.parametrize("seed", range(5))
def test_likely_spans_are_all_above_the_threshold(name, threshold, seed):
    scheme, scores, roles, expected = batch(name, seed)
    lattice = span_lattice(torch.from_numpy(scores), LENGTHS, roles, scheme)
    starts, ends, labels, probabilities = lattice.likely_spans(threshold)
    found = dict(zip(zip(starts.tolist(), ends.tolist(), labels.tolist()), probabilities.tolist()))
    assert set(found) == {span for span, p in expected.items() if p >= threshold}
    for span, probability in found.items():
        assert probability == pytest.approx(expected[span], abs=1e-5)
    assert (np.diff(probabilities) <= 0).all()


def test_a_document_does_not_depend_on_its_batch():
    scheme = TagScheme(["A", "B"], "biluo")
    rng = np.random.default_rng(0)
    lengths = np.array([30, 2, 700, 1])
    scores = torch.from_numpy(rng.normal(size=(733, len(scheme))).astype("f") * 3)
    together = span_lattice(scores, lengths, np.zeros(733, dtype=int), scheme)
    alone = span_lattice(scores[30:32], lengths[1:2], np.zeros(2, dtype=int), scheme)
    spans = np.array([30, 30, 31]), np.array([31, 32, 32])
    np.testing.assert_allclose(
        together.label_probabilities(*spans),
        alone.label_probabilities(spans[0] - 30, spans[1] - 30),
        rtol=1e-6,
    )


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.5, float("nan")])
def test_a_threshold_is_a_probability(threshold):
    scheme, scores, roles, _ = batch("biluo", 0)
    lattice = span_lattice(torch.from_numpy(scores), LENGTHS, roles, scheme)
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        lattice.likely_spans(threshold)
