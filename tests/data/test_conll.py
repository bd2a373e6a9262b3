import itertools
from pathlib import Path

import pytest
from seqeval.metrics.sequence_labeling import get_entities

from spacy_bert_ner.data.conll import read_conll, tag_spans
from spacy_bert_ner.data.records import DataError

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def read(tmp_path, text):
    path = tmp_path / "file.conll"
    path.write_text(text, encoding="utf-8")
    return [
        (r.text, [(r.text[s.start : s.end], s.label) for s in r.spans]) for r in read_conll(path)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Ada\tB-PER\nLovelace\tI-PER\nmet\tO\n\t\nOulu\tB-LOC\n",
        "Ada I-PER\nLovelace I-PER\nmet O\n\nOulu I-LOC\n",
        "Ada\tB-PER\nLovelace\tE-PER\nmet\tO\n\nOulu\tS-LOC\n",
        "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nLovelace NNP I-NP L-PER\nmet VBD O O\n\n"
        "Oulu NNP B-NP U-LOC\n",
        "# newdoc id = a\n# text = Ada\n1\tAda\tB-PER\t-\t-\n2\tLovelace\tI-PER\t-\t-\n"
        "3\tmet\tO\t-\tann\n\n1\tOulu\tB-LOC\t-\t-\n",
        "Ada\tB-PER,B-ORG\nLovelace\tI-PER,O\nmet\tO\n\nOulu\tB-LOC\n",
    ],
)
def test_shapes_of_columns(tmp_path, text):
    assert read(tmp_path, text) == [
        ("Ada Lovelace met", [("Ada Lovelace", "PER")]),
        ("Oulu", [("Oulu", "LOC")]),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ada\tB-PER\nmet\n", r"file.conll:2: expected a token and a tag, got 'met'"),
        ("Ada\tB-PER\nmet\tX\n", r"file.conll:2: 'X' is no tag"),
        ("Ada met\n", r"file.conll:1: no column .* holds a tag"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_spans_equal_seqevals_on_every_iob_sequence():
    """All sequences of up to five IOB tags with two labels, valid or not."""
    for length in range(1, 6):
        for tags in itertools.product(["O", "B-X", "I-X", "I-Y"], repeat=length):
            expected = [(s, e + 1, label) for label, s, e in get_entities(list(tags))]
            assert tag_spans(list(tags)) == expected, tags


@pytest.mark.skipif(not SHARED.exists(), reason="the shared corpora are not beside the checkout")
@pytest.mark.parametrize(
    ("path", "token", "tag"),
    [
        ("wnut17/train.conll", 0, 1),
        ("wnut17/test.conll", 0, 1),
        ("wikigold/wikigold.conll", 0, 1),
        ("btc/h.conll", 0, 1),
        ("crossner/politics/test.conll", 0, 1),
        ("en_ewt/dev.iob2", 1, 2),
    ],
)
def test_published_corpora_lose_no_entity(path, token, tag):
    sentences, tags = [], []
    for line in (SHARED / path).read_text(encoding="utf-8").split("\n"):
        cells = line.split("\t") if "\t" in line else line.split(" ")
        comment = line.startswith("# ") and " = " in line
        if not line.strip() or comment or line.startswith("-DOCSTART-"):
            sentences.append(tags)
            tags = []
        else:
            tags.append(cells[tag].strip().split(",")[0])
    expected = sum(len(get_entities(tags)) for tags in sentences if tags)
    records = list(read_conll(SHARED / path))
    assert sum(len(r.spans) for r in records) == expected
    assert len(records) == sum(bool(tags) for tags in sentences)
