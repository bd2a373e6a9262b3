import pytest

from spacy_bert_ner.data.labels import LabelRules, parse_renaming
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record


def test_pairs():
    assert parse_renaming(["organisation=ORG", "a=b=c"]) == {"organisation": "ORG", "a": "b=c"}


@pytest.mark.parametrize("pairs", [["ORG"], ["=ORG"], ["ORG="], ["A=B", "A=C"]])
def test_pairs_that_say_nothing(pairs):
    with pytest.raises(DataError, match="--map"):
        parse_renaming(pairs)


@pytest.mark.parametrize("label", ["", "  "])
def test_an_empty_label_is_named_with_its_place(label):
    record = Record("Oulu", [EntitySpan(0, 4, label)], Place("f", 2))
    with pytest.raises(DataError, match=r"f:2: 'Oulu' has an empty label"):
        LabelRules().apply(record)
