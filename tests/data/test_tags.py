import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOBES, Entities

from spacy_bert_ner.data.tags import TagChecker, decode_tags, encode_tags


def test_spans_equal_seqevals_on_every_iob_sequence():
    """All sequences of up to five IOB tags with two labels, valid or not."""
    for length in range(1, 6):
        for tags in itertools.product(["O", "B-X", "I-X", "I-Y"], repeat=length):
            expected = [(s, e + 1, label) for label, s, e in get_entities(list(tags))]
            assert decode_tags(tags) == expected, tags


@pytest.mark.parametrize(("letters", "scheme"), [("BIES", IOBES), ("BILU", BILOU)])
def test_valid_sequences_with_end_tags_equal_seqevals(letters, scheme):
    names = [f"{letter}-{label}" for letter in letters for label in "XY"]
    valid = 0
    for tags in itertools.product(["O", *names], repeat=4):
        with_ends = any(tag[0] in "LEUS" for tag in tags)
        if not with_ends or TagChecker().broken(tags):
            continue
        valid += 1
        expected = [(e.start, e.end, e.tag) for e in Entities([list(tags)], scheme).entities[0]]
        assert decode_tags(tags) == expected, tags
    assert valid > 50


@st.composite
def spans_of_tokens(draw):
    length = draw(st.integers(0, 12))
    cuts = sorted(draw(st.sets(st.integers(0, length))))
    pieces = [(s, e) for s, e in zip(cuts, cuts[1:]) if draw(st.booleans())]
    return [(s, e, draw(st.sampled_from(["A", "B-c"]))) for s, e in pieces], length


@given(spans_of_tokens(), st.sampled_from(["iob1", "iob2", "bilou", "bioes", "bmewo"]))
def test_decoding_undoes_encoding(case, scheme):
    spans, length = case
    tags = encode_tags(spans, length, scheme)
    assert decode_tags(tags) == spans
    assert not TagChecker().broken(tags)


@pytest.mark.parametrize(
    ("tags", "broken"),
    [
        ("O I-X I-X O", []),  # IOB1
        ("B-X I-X O B-Y", []),  # IOB2
        ("B-X I-Y", [1]),
        ("B-X I-X O I-X", [3]),
        ("I-X B-X", []),
        ("B-X O I-X", [2]),
        ("B-X O", []),
        ("B-X L-X U-Y", []),
        ("B-X U-Y", [0]),
        ("I-X L-X", [0]),
        ("U-X I-X", [1]),
        ("U-X B-X", [1]),
        ("M-X E-X", [0]),
    ],
)
def test_tags_that_no_scheme_allows(tags, broken):
    assert TagChecker().broken(tags.split()) == broken


@pytest.mark.parametrize(
    ("sentences", "broken"),
    [
        (["O I-X", "B-X O"], [[], [0]]),
        (["B-X O", "O I-X"], [[], [1]]),
        # What either of two schemes allows, while they have as many mistakes, is none.
        (["O I-X", "B-X O", "B-Y O", "O I-X"], [[], [0], [], [1]]),
        (["I-X B-X", "B-X O"], [[], [0]]),
        (["S-X O", "B-X I-X O"], [[], [1]]),
        (["B-X O", "B-X O", "S-X O"], [[], [], [0]]),
        (["B-X E-X", "O", "B-X I-X", "I-X E-X"], [[], [], [1], [0]]),
        # A few mistakes do not change the scheme of a file.
        (["B-X O"] * 3 + ["I-X"] * 2 + ["B-X O"], [[], [], [], [0], [0], []]),
    ],
)
def test_the_scheme_is_that_of_the_file(sentences, broken):
    checker = TagChecker()
    assert [checker.broken(tags.split()) for tags in sentences] == broken


@given(st.lists(spans_of_tokens(), max_size=5), st.sampled_from(["iob1", "iob2", "bilou", "bioes"]))
def test_no_tag_of_a_valid_file_is_broken(cases, scheme):
    checker = TagChecker()
    assert not any(checker.broken(encode_tags(*case, scheme)) for case in cases)


@pytest.mark.parametrize("spans", [[(0, 2, "X"), (1, 3, "X")], [(0, 4, "X")], [(1, 1, "X")]])
def test_spans_that_cannot_be_tags(spans):
    with pytest.raises(ValueError, match="overlaps another or lies outside"):
        encode_tags(spans, 3)
