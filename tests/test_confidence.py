"""Probabilities of entities, from the component to the Doc and wherever the Doc goes."""

import numpy as np
import pytest
import spacy
from conftest import TRAIN, entities, train
from spacy.tokens import Doc, DocBin

TEXTS = [text for text, _ in TRAIN]


@pytest.fixture
def confident(trained):
    trained.get_pipe("ner").confidence = True
    return trained


@pytest.fixture
def unsure(make_nlp):
    """A pipeline that has learnt too little to be sure of much."""
    nlp = make_nlp()
    train(nlp, steps=14)
    nlp.get_pipe("ner").confidence = True
    return nlp


def scores(doc):
    return [ent._.confidence for ent in doc.ents]


def test_nothing_is_kept_unless_asked_for(trained):
    doc = trained(TEXTS[0])
    assert not doc.spans
    assert scores(doc) == [None, None]
    assert doc.ents[0]._.best_labels is None


def test_every_entity_has_its_confidence(confident):
    doc = confident(TEXTS[0])
    group = doc.spans["bert_ner"]
    assert [(s.start, s.end, s.label_) for s in group] == [
        (e.start, e.end, e.label_) for e in doc.ents
    ]
    assert group.attrs["scores"].dtype == np.float32
    assert group.attrs["scores"].tolist() == scores(doc)
    assert all(0.5 < score <= 1 for score in scores(doc))


def test_documents_without_entities_have_an_empty_group(confident):
    docs = list(confident.pipe(["", " ", TEXTS[2]]))
    for doc in docs:
        assert len(doc.spans["bert_ner"]) == 0
        assert doc.spans["bert_ner"].attrs["scores"].shape == (0,)


def test_spans_that_are_no_prediction_have_no_confidence(confident):
    doc = confident(TEXTS[0])
    assert doc[0:1]._.confidence is None
    assert doc[2:4]._.confidence is None


def test_the_group_can_be_renamed(confident):
    confident.get_pipe("ner").spans_key = "names"
    doc = confident(TEXTS[0])
    assert list(doc.spans) == ["names"]
    assert len(scores(doc)) == 2
    assert None not in scores(doc)


def test_entities_set_before_have_none(confident):
    ruler = confident.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "WHO", "pattern": "Ada Lovelace"}])
    doc = confident(TEXTS[0])
    assert entities(doc) == [("Ada Lovelace", "WHO"), ("London", "GPE")]
    assert doc.ents[0]._.confidence is None
    assert doc.ents[1]._.confidence > 0.5


@pytest.mark.parametrize("way", ["bytes", "docbin", "disk", "copy"])
def test_it_survives(confident, way, tmp_path):
    doc = confident(TEXTS[1])
    if way == "bytes":
        again = Doc(confident.vocab).from_bytes(doc.to_bytes())
    elif way == "disk":
        doc.to_disk(tmp_path / "doc")
        again = Doc(confident.vocab).from_disk(tmp_path / "doc")
    elif way == "copy":
        again = doc.copy()
    else:
        packed = DocBin(docs=[doc]).to_bytes()
        (again,) = DocBin().from_bytes(packed).get_docs(spacy.blank("en").vocab)
    assert scores(again) == scores(doc)
    assert len(scores(doc)) == 3


def test_it_survives_processes(confident):
    alone = list(confident.pipe(TEXTS))
    shared = list(confident.pipe(TEXTS, n_process=2, batch_size=2))
    assert [entities(doc) for doc in shared] == [entities(doc) for doc in alone]
    for one, other in zip(alone, shared):
        assert scores(other) == pytest.approx(scores(one), abs=1e-5)


def test_best_labels(unsure):
    ner = unsure.get_pipe("ner")
    ner.best_labels = 2
    ner.threshold = 0.01
    doc = unsure(TEXTS[0])
    assert len(doc.ents)
    for ent in doc.ents:
        (first, p), (second, q) = ent._.best_labels
        assert p >= q > 0
        assert first != second
        assert p + q <= 1
        assert dict(ent._.best_labels).get(ent.label_, ent._.confidence) == pytest.approx(
            ent._.confidence
        )
    again = Doc(unsure.vocab).from_bytes(doc.to_bytes())
    assert again.ents[0]._.best_labels == doc.ents[0]._.best_labels


def test_a_higher_threshold_keeps_a_part_of_the_entities(unsure):
    ner = unsure.get_pipe("ner")
    found = []
    for threshold in (0.01, 0.05, 0.1, 0.12, 0.15, 0.2, 0.3, 0.9):
        ner.threshold = threshold
        docs = list(unsure.pipe(TEXTS))
        assert all(score >= threshold - 1e-6 for doc in docs for score in scores(doc))
        found.append({(i, e.start, e.end, e.label) for i, d in enumerate(docs) for e in d.ents})
    assert len({len(ents) for ents in found}) > 3
    for more, fewer in zip(found, found[1:]):
        assert fewer <= more


def test_a_threshold_is_one_of_calibrated_confidences(unsure):
    ner = unsure.get_pipe("ner")
    ner.temperature, ner.bias, ner.length_bias = 0.5, 1.0, -0.7
    ner.threshold = 0.02
    found = sorted(score for doc in unsure.pipe(TEXTS) for score in scores(doc))
    middle = len(found) // 2
    ner.threshold = (found[middle - 1] + found[middle]) / 2
    kept = sorted(score for doc in unsure.pipe(TEXTS) for score in scores(doc))
    assert kept == pytest.approx(found[middle:], rel=1e-5)


def test_a_threshold_works_without_confidence(trained):
    trained.get_pipe("ner").threshold = 0.5
    doc = trained(TEXTS[0])
    assert entities(doc) == [("Ada Lovelace", "PERSON"), ("London", "GPE")]
    assert not doc.spans


def test_batches_do_not_matter(confident):
    together = [scores(doc) for doc in confident.pipe(TEXTS)]
    alone = [scores(confident(text)) for text in TEXTS]
    for one, other in zip(together, alone):
        assert one == pytest.approx(other, abs=1e-5)


def test_settings_are_stored_and_can_be_given_anew(confident, tmp_path):
    ner = confident.get_pipe("ner")
    ner.threshold = 0.75
    ner.temperature = 1.5
    confident.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model").get_pipe("ner")
    assert (loaded.confidence, loaded.threshold, loaded.temperature) == (True, 0.75, 1.5)
    other = spacy.load(tmp_path / "model", config={"components.ner.threshold": 0.25})
    assert other.get_pipe("ner").threshold == 0.25
    assert other.get_pipe("ner").confidence
    other.to_disk(tmp_path / "other")
    assert spacy.load(tmp_path / "other").get_pipe("ner").threshold == 0.25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 0),
        ("threshold", 1.01),
        ("threshold", "high"),
        ("threshold", True),
        ("spans_key", ""),
        ("temperature", 0),
        ("temperature", float("inf")),
        ("bias", float("nan")),
        ("best_labels", -1),
        ("best_labels", 1.5),
    ],
)
def test_settings_are_checked(make_nlp, name, value):
    ner = make_nlp().get_pipe("ner")
    before = getattr(ner, name)
    with pytest.raises(ValueError, match=name):
        setattr(ner, name, value)
    assert getattr(ner, name) == before
