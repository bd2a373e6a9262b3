import pytest

from spacy_bert_ner.encoder.case import Case, case_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1984", Case.DIGITS),
        ("3rd", Case.MIXED_DIGITS),
        ("B-52", Case.MIXED_DIGITS),
        ("--", Case.PUNCTUATION),
        ("$", Case.PUNCTUATION),
        ("house", Case.LOWER),
        ("don't", Case.LOWER),
        ("東京", Case.LOWER),
        ("NATO", Case.UPPER),
        ("U.S.", Case.UPPER),
        ("A", Case.SINGLE_CAPITAL),
        ("London", Case.TITLE),
        ("Éire", Case.TITLE),
        ("McDonald", Case.MIXED),
        ("iPhone", Case.MIXED),
    ],
)
def test_case_of(text, expected):
    assert case_of(text) is expected
