"""Passages: whole sentences, as many as fit."""

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bert_ner.encoder.passages import Mark, cut_passages, mark_of


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        (".", Mark.ENDS), ("?!", Mark.ENDS), ("...", Mark.ENDS), ("。", Mark.ENDS),
        ('"', Mark.CLOSES), (")", Mark.CLOSES), ("\n\n", Mark.BREAKS), (" \n \n", Mark.BREAKS),
        ("\n", Mark.CLOSES), (" ", Mark.CLOSES), ("Mr.", Mark.NONE), ("U.S.", Mark.NONE),
        (",", Mark.NONE), (".5", Mark.NONE),
    ],
)  # fmt: skip
def test_marks(text, mark):
    assert mark_of(text) == mark


def passages(text, size):
    """The passages of a text, each token counted as a piece."""
    doc = spacy.blank("en")(text)
    marks = np.array([mark_of(token.text) for token in doc], dtype=np.uint8)
    lengths = cut_passages(
        np.ones(len(doc), dtype=np.int32), marks, np.array([len(doc)], dtype=np.int32), size=size
    )
    ends = np.cumsum(lengths)
    return [doc[end - length : end].text for end, length in zip(ends, lengths)]


def test_sentences():
    text = 'He said "no." Mr. Kean left (at last!). Why? They\nstayed.\n\nThe end'
    one_by_one = [
        'He said "no."', "Mr. Kean left (at last!).", "Why?", "They\nstayed.\n\n", "The end",
    ]  # fmt: skip
    assert passages(text, 0) == one_by_one
    assert passages(text, 11) == [
        one_by_one[0], one_by_one[1] + " " + one_by_one[2], one_by_one[3] + one_by_one[4],
    ]  # fmt: skip
    assert passages(text, 100) == [text]


def test_no_documents_and_empty_ones():
    none = np.zeros(0, dtype=np.int32)
    assert cut_passages(none, none.astype(np.uint8), none, size=5).tolist() == []
    counts, marks = np.ones(3, dtype=np.int32), np.array([0, 1, 0], dtype=np.uint8)
    lengths = np.array([0, 3, 0, 0], dtype=np.int32)
    assert cut_passages(counts, marks, lengths, size=2).tolist() == [2, 1]


tokens = st.tuples(st.integers(0, 4), st.sampled_from([0, 0, 0, 1, 2, 3]))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(tokens, max_size=30), max_size=5), st.integers(0, 20))
def test_against_the_definition(docs, size):
    counts = np.array([c for doc in docs for c, _ in doc], dtype=np.int32)
    marks = np.array([m for doc in docs for _, m in doc], dtype=np.uint8)
    lengths = np.array([len(doc) for doc in docs], dtype=np.int32)
    found = cut_passages(counts, marks, lengths, size=size).tolist()
    assert sum(found) == len(counts)
    assert all(found)
    ends = np.cumsum(found)
    doc_ends = set(np.cumsum(lengths).tolist())
    assert doc_ends - {0} <= set(ends.tolist())
    for end, length in zip(ends.tolist(), found):
        inner = [
            i
            for i in range(end - length + 1, end)
            if begins_sentence(marks, i) and i not in doc_ends
        ]
        if inner:
            assert counts[end - length : end].sum() <= size
        if end not in doc_ends:
            assert begins_sentence(marks, end)
            # The next sentence did not fit.
            following = next(
                i for i in range(end + 1, len(counts) + 1)
                if i in doc_ends or begins_sentence(marks, i)
            )  # fmt: skip
            assert counts[end - length : following].sum() > size


def begins_sentence(marks, i):
    if marks[i - 1] == Mark.BREAKS:
        return marks[i] != Mark.BREAKS
    if marks[i] != Mark.NONE:
        return False
    # Up to two closing tokens belong to the end of a sentence.
    closing = 0
    while closing < 2 and i > closing + 1 and marks[i - 1 - closing] == Mark.CLOSES:
        closing += 1
    return marks[i - 1 - closing] == Mark.ENDS
