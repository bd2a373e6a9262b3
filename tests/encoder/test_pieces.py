"""The piece cache against one call of the tokenizer for each token."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from spacy_bert_ner.encoder.pieces import PieceCache, ragged_indices
from spacy_bert_ner.encoder.tokenizer import PieceTokenizer

TEXTS = [
    "Ada Lovelace lives in London .",
    "Nokia's board met in Oulu (twice)!",
    "",
    "  leading and \n\n trailing whitespace  ",
    "London",
]


def naive_pieces(doc, hf_tokenizer, spaced, limit):
    """Word by word, straight from transformers."""
    result = []
    for i, token in enumerate(doc):
        if token.is_space:
            result.append([])
            continue
        before = i == 0 or bool(doc[i - 1].whitespace_)
        text = " " + token.text if spaced and before else token.text
        ids = hf_tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        result.append((ids or [hf_tokenizer.unk_token_id])[:limit])
    return result


def strings(tokenizer, ids):
    vocabulary = Tokenizer.from_str(tokenizer.to_dict()["tokenizer"])
    return [vocabulary.id_to_token(i) for i in ids]


def split(pieces):
    ends = np.cumsum(pieces.counts)
    return [pieces.ids[e - c : e].tolist() for c, e in zip(pieces.counts, ends)]


@pytest.mark.parametrize("family", ["bert", "roberta", "deberta"])
def test_pieces_equal_those_of_each_token(encoder_folder, family):
    hf_tokenizer = AutoTokenizer.from_pretrained(encoder_folder(family))
    hf_tokenizer.backend_tokenizer.no_padding()
    hf_tokenizer.backend_tokenizer.no_truncation()
    cache = PieceCache(PieceTokenizer.from_transformers(hf_tokenizer), max_token_pieces=8)
    docs = list(spacy.blank("en").pipe(TEXTS))
    expected = [
        ids for doc in docs for ids in naive_pieces(doc, hf_tokenizer, family == "roberta", 8)
    ]
    assert split(cache.pieces(docs)) == expected
    known = len(cache)
    assert split(cache.pieces(docs[::-1])) == [
        ids for doc in docs[::-1] for ids in naive_pieces(doc, hf_tokenizer, family == "roberta", 8)
    ]
    assert len(cache) == known


@pytest.fixture
def tokenizer(encoder_folder):
    return PieceTokenizer.from_transformers(AutoTokenizer.from_pretrained(encoder_folder("bert")))


def test_families_are_told_apart(encoder_folder):
    def load(family):
        return PieceTokenizer.from_transformers(
            AutoTokenizer.from_pretrained(encoder_folder(family))
        )

    assert (load("bert").lowercases, load("bert").space_sensitive) == (True, False)
    assert (load("roberta").lowercases, load("roberta").space_sensitive) == (False, True)
    assert (load("deberta").lowercases, load("deberta").space_sensitive) == (False, False)


def test_special_pieces_and_published_truncation(tokenizer):
    assert strings(tokenizer, [*tokenizer.prefix, *tokenizer.suffix]) == ["[CLS]", "[SEP]"]
    (ids,) = tokenizer.encode(["x" * 50])
    assert len(ids) == 50  # the tokenizer's own limit of 12 is off


def test_special_pieces_cannot_come_from_text(tokenizer):
    (ids,) = tokenizer.encode(["[MASK]"])
    assert len(ids) > 1
    assert "[MASK]" not in strings(tokenizer, ids)


def test_giant_token_is_capped_and_odd_tokens_are_represented(tokenizer):
    cache = PieceCache(tokenizer, max_token_pieces=4)
    doc = Doc(spacy.blank("en").vocab, words=["x" * 90, "\u200b", "\n", "London", "\x00"])
    pieces = cache.pieces([doc])
    assert pieces.counts.tolist()[:3] == [4, 1, 0]
    assert pieces.counts.tolist()[4] == 1
    assert split(pieces)[1] == [tokenizer.unk_id]


def test_cache_is_bounded(tokenizer):
    cache = PieceCache(tokenizer, max_token_pieces=8, max_words=10)
    nlp = spacy.blank("en")
    for i in range(50):
        doc = nlp(f"word{i} other{i} London")
        assert split(cache.pieces([doc])) == split(
            PieceCache(tokenizer, max_token_pieces=8).pieces([doc])
        )
        assert len(cache) <= 10


def test_tokenizer_survives_its_dict(tokenizer):
    again = PieceTokenizer.from_dict(tokenizer.to_dict())
    assert again.to_dict() == tokenizer.to_dict()
    assert again.encode(["Lovelace"]) == tokenizer.encode(["Lovelace"])


def test_ragged_indices():
    starts, counts = np.array([5, 0, 9]), np.array([2, 0, 3], dtype=np.int32)
    assert ragged_indices(starts, counts).tolist() == [5, 6, 9, 10, 11]
    assert ragged_indices(starts[:0], counts[:0]).tolist() == []
