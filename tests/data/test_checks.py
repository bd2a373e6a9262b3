"""Checks whose findings depend on what a whole split has or lacks."""

import spacy
from spacy.tokens import Span

from spacy_bert_ner.data.inspection import inspect

NLP = spacy.blank("en")


def docs(text, label=""):
    doc = NLP(text)
    if label:
        doc.ents = [Span(doc, 0, 1, label)]
    return [doc]


def found(check, **splits):
    return [f"{f.place}: {f.detail}" for f in inspect(splits).findings.of(check)]


def test_no_label_can_be_learned_from_a_train_split_without_entities():
    splits = {"train": docs("nothing here"), "dev": docs("Oulu won", "GPE")}
    assert found("unseen-label", **splits) == ["dev:1: GPE has 1 mention in dev; first 'Oulu'"]
    assert found("rare-label", **splits) == []


def test_dev_and_test_may_leak_into_each_other():
    text = "one two three four five six"
    splits = {"train": docs("nothing here"), "dev": docs(text), "test": docs(text)}
    assert found("leakage", **splits) == [f"test:1: {text!r} is in dev as well, at dev:1"]
