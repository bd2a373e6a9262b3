import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.tagger.scheme import MISSING, TagScheme


def test_tags_in_order():
    assert TagScheme(["A", "B"], "biluo").tags == (
        "O", "B-A", "I-A", "L-A", "U-A", "B-B", "I-B", "L-B", "U-B",
    )  # fmt: skip
    assert TagScheme(["A"], "iob").tags == ("O", "B-A", "I-A")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("biluo", {"O O", "O B", "O U", "B I", "B L", "I I", "I L", "L O", "L B", "L U", "U O",
                   "U B", "U U"}),
        ("iob", {"O O", "O B", "B O", "B B", "B I", "I O", "I B", "I I"}),
    ],
)  # fmt: skip
def test_transitions_of_one_label(name, valid):
    scheme = TagScheme(["A"], name)
    found = {
        f"{a[0]} {b[0]}"
        for i, a in enumerate(scheme.tags)
        for j, b in enumerate(scheme.tags)
        if scheme.follows[i, j]
    }
    assert found == valid


def test_no_transition_inside_an_entity_changes_the_label():
    scheme = TagScheme(["A", "B"], "biluo")
    index = {tag: i for i, tag in enumerate(scheme.tags)}
    assert scheme.follows[index["B-A"], index["L-A"]]
    assert not scheme.follows[index["B-A"], index["L-B"]]
    assert scheme.follows[index["L-A"], index["B-B"]]


def test_encode():
    scheme = TagScheme(["A", "B"], "biluo")
    encoded = scheme.encode(["O", "B-B", "I-B", "L-B", None, "-", "U-A"])
    assert encoded.tolist() == [0, 5, 6, 7, MISSING, MISSING, 4]
    iob = TagScheme(["A", "B"], "iob")
    assert iob.encode(["B-B", "L-B", "U-A", "O"]).tolist() == [3, 4, 1, 0]


def test_unknown_label_names_itself_and_the_way_out():
    with pytest.raises(ValueError, match=r"'C'.*\(A, B\).*\[initialize.components\]"):
        TagScheme(["A", "B"], "biluo").encode(["U-C"])


def test_unknown_scheme():
    with pytest.raises(ValueError, match="'bioes'.*biluo, iob"):
        TagScheme([], "bioes")


@st.composite
def documents(draw):
    """Documents as lists of (start, end, label) without overlap, and their lengths."""
    docs = []
    for _ in range(draw(st.integers(1, 4))):
        length = draw(st.integers(0, 12))
        cuts = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
        spans = [
            (start, end, draw(st.integers(0, 2)))
            for start, end in zip(cuts, cuts[1:])
            if draw(st.booleans())
        ]
        docs.append((length, spans))
    return docs


@given(documents(), st.sampled_from(["biluo", "iob"]))
def test_encoding_and_decoding_is_the_identity(docs, name):
    labels = ["A", "B", "C"]
    scheme = TagScheme(labels, name)
    tags, expected, offset = [], [], 0
    for length, spans in docs:
        biluo = ["O"] * length
        for start, end, label in spans:
            if end - start == 1:
                biluo[start] = f"U-{labels[label]}"
            else:
                biluo[start:end] = [f"I-{labels[label]}"] * (end - start)
                biluo[start] = f"B-{labels[label]}"
                biluo[end - 1] = f"L-{labels[label]}"
            expected.append((start + offset, end + offset, label))
        tags += scheme.encode(biluo).tolist()
        offset += length
    lengths = np.array([length for length, _ in docs])
    starts, ends, found = scheme.spans(np.array(tags, dtype=np.int64), lengths)
    assert list(zip(starts.tolist(), ends.tolist(), found.tolist())) == expected
