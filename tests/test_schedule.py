from itertools import islice

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_bert_ner.schedule import linear_epochs_v1


@pytest.fixture
def corpus(tmp_path):
    """Two files with 100 words in all."""
    vocab = spacy.blank("en").vocab
    for name, lengths in (("a", [40, 20]), ("b", [40])):
        docs = [Doc(vocab, words=["word"] * n) for n in lengths]
        DocBin(docs=docs).to_disk(tmp_path / f"{name}.spacy")
    return tmp_path


def test_rises_and_falls_to_zero_in_so_many_epochs(corpus):
    rates = list(islice(linear_epochs_v1(1.0, 2, corpus, batch_words=20, warmup=0.2), 14))
    # 2 epochs of 5 batches: two steps up, then down in equal steps, then nothing.
    assert rates[:3] == pytest.approx([0.5, 1.0, 8 / 9])
    assert rates[9] == pytest.approx(1 / 9)
    assert rates[10:] == [0.0] * 4


def test_one_file_counts_alone(corpus):
    rates = list(islice(linear_epochs_v1(2.0, 1, corpus / "b.spacy", 10, warmup=0.0), 5))
    assert rates == pytest.approx([2.0, 1.5, 1.0, 0.5, 0.0])


def test_missing_corpus(tmp_path):
    with pytest.warns(UserWarning, match=r"does not exist: the rate stays at 0.5. Set paths.train"):
        rates = linear_epochs_v1(0.5, 2, tmp_path / "none.spacy", 20)
    assert list(islice(rates, 3)) == [0.5, 0.5, 0.5]
