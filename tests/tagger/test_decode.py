"""Decoding against trying out every tag sequence."""

import itertools

import numpy as np
import pytest
import torch

from spacy_bert_ner.tagger.decode import TokenRole, decode
from spacy_bert_ner.tagger.scheme import TagScheme


def is_valid(path, scheme):
    return (
        scheme.starts[path[0]]
        and scheme.ends[path[-1]]
        and all(scheme.follows[a, b] for a, b in itertools.pairwise(path))
    )


def brute_force(scores, roles, scheme):
    """The best of all valid sequences that the tokens' roles allow."""
    best, best_score = None, -np.inf
    for path in itertools.product(range(len(scheme)), repeat=len(scores)):
        if not is_valid(path, scheme):
            continue
        total = 0.0
        for token, tag in enumerate(path):
            prefix = scheme.tags[tag][0]
            if roles[token] == TokenRole.OUTSIDE and prefix != "O":
                break
            if roles[token] == TokenRole.WHITESPACE and prefix not in "OI":
                break
            if roles[token] == TokenRole.FREE:
                total += scores[token, tag]
        else:
            if total > best_score:
                best, best_score = path, total
    return list(best)


@pytest.mark.parametrize("name", ["biluo", "iob"])
@pytest.mark.parametrize("seed", range(40))
def test_best_valid_sequence(name, seed):
    scheme = TagScheme(["A", "B"] if name == "iob" else ["A"], name)
    rng = np.random.default_rng(seed)
    lengths = np.array([5, 0, 1, 4, 2])
    scores = rng.normal(size=(12, len(scheme))).astype("f")
    roles = rng.choice(3, size=12, p=[0.7, 0.15, 0.15])
    found = decode(torch.from_numpy(scores), lengths, roles, scheme)
    start = 0
    for length in lengths:
        if length:
            part = slice(start, start + length)
            assert found[part].tolist() == brute_force(scores[part], roles[part], scheme)
        start += length


@pytest.mark.parametrize("name", ["biluo", "iob"])
def test_only_valid_sequences_come_out(name):
    scheme = TagScheme(["A", "B", "C"], name)
    rng = np.random.default_rng(0)
    lengths = np.array([300, 1, 40, 7])
    scores = torch.from_numpy(rng.normal(size=(348, len(scheme))).astype("f") * 3)
    found = decode(scores, lengths, np.zeros(348, dtype=np.int64), scheme)
    for end, length in zip(np.cumsum(lengths), lengths):
        assert is_valid(found[end - length : end].tolist(), scheme)


def test_entity_across_whitespace():
    scheme = TagScheme(["A"], "biluo")
    scores = torch.full((3, len(scheme)), -9.0)
    scores[0, scheme.tags.index("B-A")] = 0
    scores[1, scheme.tags.index("O")] = 0  # what the classifier says of the line break
    scores[2, scheme.tags.index("L-A")] = 0
    roles = np.array([TokenRole.FREE, TokenRole.WHITESPACE, TokenRole.FREE])
    tags = decode(scores, np.array([3]), roles, scheme)
    assert [scheme.tags[t] for t in tags] == ["B-A", "I-A", "L-A"]


def test_nothing():
    scheme = TagScheme(["A"], "biluo")
    none = np.zeros(0, dtype=np.int64)
    assert decode(torch.zeros(0, 5), np.array([0, 0]), none, scheme).tolist() == []
