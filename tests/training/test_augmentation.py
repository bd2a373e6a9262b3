"""Entities that trade places: what changes, and what must not."""

import random

import pytest
import spacy
from conftest import examples
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry

from spacy_bert_ner.training.augmentation import swap_entities_v1, swapped


@pytest.fixture
def data():
    random.seed(0)
    return examples(spacy.blank("en"))


def forms(some):
    found = {}
    for example in some:
        for ent in example.reference.ents:
            found.setdefault(ent.label_, set()).add(ent.text)
    return found


def test_each_entity_becomes_one_of_its_label(data):
    known = forms(data)
    changed = 0
    for _ in range(20):
        for before, after in zip(data, swapped(data, 1.0)):
            one, other = before.reference, after.reference
            assert [e.label_ for e in one.ents] == [e.label_ for e in other.ents]
            assert all(e.text in known[e.label_] for e in other.ents)
            changed += one.text != other.text
            outside = [[t.text for t in doc if not t.ent_type] for doc in (one, other)]
            assert outside[0] == outside[1]
            assert after.predicted.text == other.text
            assert not after.predicted.ents
    assert changed > 20


def test_spaces_are_right(data):
    texts = {eg.reference.text for _ in range(50) for eg in swapped(data, 1.0)}
    assert "Ada Lovelace lives in Oulu." in texts
    assert "Nokia opened in London on Monday." in texts


def test_none_are_changed(data):
    assert next(swapped(data, 0.0)).reference.text == data[0].reference.text
    unchanged = swap_entities_v1(0.0, lambda some: [list(some)])(data)
    assert unchanged[0] == data


def test_unknown_spaces_and_missing_tokens_stay():
    vocab = spacy.blank("en").vocab
    doc = Doc(vocab, words=["Ada", "saw", "Bob", "x"])
    doc.set_ents([Span(doc, 0, 1, label="P"), Span(doc, 2, 3, label="P")], missing=[doc[3:4]],
                 default="outside")  # fmt: skip
    example = Example(Doc(vocab, words=[t.text for t in doc]), doc)
    (after,) = swapped([example], 1.0)
    assert after.reference.has_unknown_spaces
    assert [t.ent_iob_ for t in after.reference] == ["B", "O", "B", ""]


def test_documents_of_other_components_are_left_alone(data):
    tagged, with_spans, misaligned = data[:3]
    tagged.reference[0].tag_ = "NNP"
    with_spans.reference.spans["wrong"] = [with_spans.reference[0:1]]
    misaligned = Example(Doc(spacy.blank("en").vocab, words=["Nokia", "opened"]), data[1].reference)
    for example in (tagged, with_spans, misaligned):
        assert next(swapped([example, *data[3:]], 1.0)) is example


def test_sentence_starts_are_kept():
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["Ada", "Lovelace", "spoke", "Bob", "ate"],
              sent_starts=[True, False, False, True, False])  # fmt: skip
    doc.set_ents([Span(doc, 0, 2, label="P"), Span(doc, 3, 4, label="P")], default="outside")
    example = Example(Doc(nlp.vocab, words=[t.text for t in doc]), doc)
    random.seed(1)
    for _ in range(10):
        (after,) = swapped([example], 1.0)
        assert [sent[-1].text for sent in after.reference.sents] == ["spoke", "ate"]


def test_the_order_of_examples_does_not_matter(data):
    random.seed(5)
    one = [eg.reference.text for eg in swapped([data[0], data[1], data[3]], 1.0)]
    random.seed(5)
    other = [eg.reference.text for eg in swapped([data[0], data[1], data[3]][:], 1.0)]
    assert one == other
    random.seed(5)
    first = next(swapped([data[0], data[3], data[1]], 1.0)).reference.text
    assert first == one[0]


def test_streams(data):
    out = list(swapped(iter(data), 1.0))
    assert len(out) == len(data)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_a_share(share):
    with pytest.raises(ValueError, match="from 0 to 1"):
        swap_entities_v1(share, list)


def test_it_is_registered():
    assert registry.batchers.get("spacy-bert-ner.swap_entities.v1") is swap_entities_v1
