from itertools import islice

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training.batchers import configure_minibatch_by_words as batch_by_words

from spacy_bert_ner.schedule import count_batches, linear_epochs_v1


@pytest.fixture
def corpus(tmp_path):
    """Two files with 100 words in all, in documents of ten."""
    vocab = spacy.blank("en").vocab
    for name, lengths in (("a", [10] * 6), ("b", [10] * 4)):
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


def test_batches_end_between_documents(tmp_path):
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["word"] * n) for n in [90, 90, 90, 90, 0, 500, 90]]
    DocBin(docs=docs).to_disk(tmp_path / "long.spacy")
    # Two of the shorter ones make 180 words and three would be too many; the longest is alone.
    for size, fewest, most in ((250, 4, 5), (100, 6, 6), (10_000, 1, 1)):
        counted = count_batches(tmp_path, size, tolerance=0.0)
        assert fewest <= counted <= most
        real = batch_by_words(size=size, tolerance=0.0, discard_oversize=False)(docs)
        assert abs(counted - sum(1 for batch in real if any(map(len, batch)))) <= 1


def test_missing_corpus(tmp_path):
    with pytest.warns(UserWarning, match=r"does not exist: the rate stays at 0.5. Set paths.train"):
        rates = linear_epochs_v1(0.5, 2, tmp_path / "none.spacy", 20)
    assert list(islice(rates, 3)) == [0.5, 0.5, 0.5]
