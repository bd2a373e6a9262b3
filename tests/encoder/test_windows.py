"""Windows against a direct reading of their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bert_ner.encoder.windows import bucket_by_length, cut_windows


def cut(counts, lengths, budget, overlap):
    windows = cut_windows(
        np.array(counts, dtype=np.int32),
        np.array(lengths, dtype=np.int32),
        budget=budget,
        overlap=overlap,
    )
    return list(zip(windows.starts.tolist(), windows.ends.tolist())), windows.owner.tolist()


def test_short_documents_are_one_window_each():
    assert cut([1, 2, 1, 3, 1], [2, 0, 3], 8, 2) == ([(0, 2), (2, 5)], [0, 0, 1, 1, 1])


def test_long_document():
    # Ten tokens of one piece: windows of four share two.
    windows, owner = cut([1] * 10, [10], 4, 2)
    assert windows == [(0, 4), (2, 6), (4, 8), (6, 10)]
    # Token 2 has two pieces to its left in window 0 and none in window 1; its right side there
    # is one. Depths of token 2: min(inf, 1) = 1 in window 0, min(0, 3) = 0 in window 1.
    assert owner == [0, 0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_one_giant_token_between_others():
    windows, owner = cut([1, 1, 4, 1, 1], [5], 4, 1)
    assert windows == [(0, 2), (2, 3), (3, 5)]
    assert owner == [0, 0, 1, 2, 2]


def test_tokens_without_pieces_cost_nothing():
    windows, owner = cut([0, 1, 0, 0, 1, 0], [6], 2, 0)
    assert windows == [(0, 6)]
    assert owner == [0] * 6


counts_of_docs = st.lists(st.lists(st.integers(0, 5), max_size=40), min_size=1, max_size=5)


@settings(deadline=None, max_examples=300)
@given(counts_of_docs, st.integers(5, 20), st.data())
def test_properties(docs, budget, data):
    overlap = data.draw(st.integers(0, budget // 2))
    counts = [c for doc in docs for c in doc]
    lengths = [len(doc) for doc in docs]
    windows, owner = cut(counts, lengths, budget, overlap)
    doc_of = np.repeat(np.arange(len(docs)), lengths)
    doc_starts = np.cumsum([0, *lengths])

    def depth(token, window):
        start, end = window
        doc = doc_of[token]
        left = sum(counts[start:token]) if start > doc_starts[doc] else float("inf")
        right = sum(counts[token + 1 : end]) if end < doc_starts[doc + 1] else float("inf")
        return min(left, right)

    for start, end in windows:
        assert start < end
        assert len(set(doc_of[start:end])) == 1
        assert sum(counts[start:end]) <= budget
    for token in range(len(counts)):
        holding = [i for i, (start, end) in enumerate(windows) if start <= token < end]
        best = max(depth(token, windows[i]) for i in holding)
        assert owner[token] in holding
        assert depth(token, windows[owner[token]]) == best


@pytest.mark.parametrize("max_padded", [1, 10, 100, 10_000])
@pytest.mark.parametrize("max_waste", [0, 7, 100])
def test_buckets_hold_each_window_once_and_keep_to_the_size(max_padded, max_waste):
    lengths = np.random.default_rng(0).integers(2, 60, size=200)
    buckets = bucket_by_length(lengths, max_padded=max_padded, max_waste=max_waste)
    assert sorted(np.concatenate(buckets).tolist()) == list(range(200))
    for bucket in buckets:
        assert len(bucket) == 1 or len(bucket) * lengths[bucket].max() <= max_padded
        assert lengths[bucket].max() - lengths[bucket].min() <= max_waste


def test_buckets_go_from_long_to_short():
    buckets = bucket_by_length(np.array([3, 9, 8, 2, 9]), max_padded=100, max_waste=1)
    assert [bucket.tolist() for bucket in buckets] == [[1, 4, 2], [0, 3]]
