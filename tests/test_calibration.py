"""Calibration: figures by hand, and what it does to a pipeline."""

import math

import numpy as np
import pytest
import spacy
from conftest import TRAIN, entities, examples, train
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_bert_ner.calibration import calibrate, calibration_error, fit, log_loss, scatter
from spacy_bert_ner.tagger.scaling import Scaling

TEXTS = [text for text, _ in TRAIN]


@pytest.fixture
def half_trained(make_nlp):
    nlp = make_nlp()
    train(nlp, steps=14)
    return nlp


def mixed(nlp):
    """Examples some of whose predictions are right and some wrong."""
    wrong = [("Nokia opened in London on Monday.", []), ("Ada Lovelace paid Oulu", [])]
    return examples(nlp) + examples(nlp, wrong)


def test_log_loss():
    p = np.array([0.9, 0.5, 0.2])
    right = np.array([True, False, False])
    assert log_loss(p, right) == pytest.approx(-(math.log(0.9) + math.log(0.5) + math.log(0.8)) / 3)
    assert log_loss(np.array([0.0]), np.array([True])) < 14


def test_calibration_error():
    p = np.array([0.95, 0.91, 0.55, 0.55, 1.0])
    right = np.array([True, False, True, False, True])
    # The last bin: 2.86 promised, 2 right. The sixth: 1.1 promised, 1 right.
    assert calibration_error(p, right) == pytest.approx((0.86 + 0.1) / 5)


def test_scatter_is_that_of_outcomes_drawn():
    # The mean absolute deviation of a binomial of 100 and one half is 3.98.
    assert scatter(np.full(100, 0.5), draws=4_000) == pytest.approx(0.0398, abs=0.001)
    assert scatter(np.ones(5)) == 0


def test_perfectly_calibrated():
    p = np.full(100, 0.25)
    assert calibration_error(p, np.arange(100) < 25) == pytest.approx(0)


def test_the_fit_finds_what_outcomes_were_drawn_from():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.995, size=20_000)
    tokens = rng.integers(1, 5, size=len(p))
    right = rng.random(len(p)) < Scaling(2.0, -0.5, -0.8).confidences(p, tokens)
    found = fit(p, tokens, right)
    assert found.temperature == pytest.approx(2.0, rel=0.05)
    assert found.bias == pytest.approx(-0.5, abs=0.08)
    assert found.length_bias == pytest.approx(-0.8, abs=0.08)
    calibrated = found.confidences(p, tokens)
    assert calibration_error(calibrated, right) < 0.01 < calibration_error(p, right)


def test_a_few_outcomes_do_not_drive_the_fit_to_extremes():
    found = fit(np.array([0.9, 0.6]), np.array([1, 3]), np.array([True, False]))
    assert 0.4 < found.temperature < 1.5
    assert -1 < found.bias < 1
    assert -1 < found.length_bias < 1


def test_the_figures_are_those_of_the_pipeline(half_trained):
    ner = half_trained.get_pipe("ner")
    found = calibrate(half_trained, mixed(half_trained), "ner")
    assert 0 < found.precision < 1
    ner.confidence = True
    right, scores = [], []
    for example in mixed(half_trained):
        doc = half_trained(example.predicted.copy())
        gold = {(e.start, e.end, e.label_) for e in example.reference.ents}
        right += [(e.start, e.end, e.label_) in gold for e in doc.ents]
        scores += [e._.confidence for e in doc.ents]
    assert len(right) == found.entities
    assert log_loss(np.array(scores), np.array(right)) == pytest.approx(found.loss_after, abs=1e-4)


def test_entities_stay_the_same(half_trained):
    before = [entities(doc) for doc in half_trained.pipe(TEXTS)]
    calibrate(half_trained, mixed(half_trained), "ner")
    assert [entities(doc) for doc in half_trained.pipe(TEXTS)] == before


def test_the_threshold_is_set_where_f1_is_highest(half_trained):
    ner = half_trained.get_pipe("ner")
    without = calibrate(half_trained, mixed(half_trained), "ner")
    assert without.threshold is None
    ner.threshold = 0.9
    found = calibrate(half_trained, mixed(half_trained), "ner")
    assert ner.threshold == found.threshold
    scores = {}
    for threshold in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, found.threshold):
        ner.threshold = threshold
        result = half_trained.evaluate(mixed(half_trained))
        scores[threshold] = 100 * result["ents_f"]
    assert scores[found.threshold] == pytest.approx(max(scores.values()))
    assert scores[found.threshold] == pytest.approx(found.f1)


def test_f1_without_a_threshold(half_trained):
    found = calibrate(half_trained, mixed(half_trained), "ner")
    assert found.f1 == pytest.approx(100 * half_trained.evaluate(mixed(half_trained))["ents_f"])


def test_unannotated_tokens_are_not_judged(half_trained):
    full = calibrate(half_trained, mixed(half_trained), "ner")
    without = []
    for example in mixed(half_trained):
        reference = Doc(half_trained.vocab, words=[t.text for t in example.reference])
        reference.set_ents([], missing=[reference[:]], default="outside")
        without.append(Example(example.predicted, reference))
    same = calibrate(half_trained, mixed(half_trained) + without, "ner")
    assert same.entities == full.entities


def test_nothing_to_judge(half_trained):
    ner = half_trained.get_pipe("ner")
    ner.temperature = 1.25
    found = calibrate(half_trained, examples(half_trained, [("and nothing", [])]), "ner")
    assert (found.temperature, ner.temperature) == (1.25, 1.25)
    with pytest.raises(ValueError, match="No documents"):
        calibrate(half_trained, [], "ner")


def test_all_are_right(trained):
    found = calibrate(trained, examples(trained), "ner")
    assert (found.precision, found.f1) == (1.0, 100.0)


def test_other_components(half_trained):
    with pytest.raises(ValueError, match="No component 'entities'"):
        calibrate(half_trained, [], "entities")
    with pytest.raises(ValueError, match="factory 'transformer'"):
        calibrate(half_trained, [], "transformer")


@pytest.fixture
def files(half_trained, tmp_path):
    half_trained.to_disk(tmp_path / "model")
    DocBin(docs=[eg.reference for eg in mixed(half_trained)]).to_disk(tmp_path / "dev.spacy")
    return tmp_path


def test_command(files, bert_ner):
    result = bert_ner("calibrate", files / "model", files / "dev.spacy", files / "out")
    assert result.exit_code == 0, result.output
    calibrated = spacy.load(files / "out")
    stored = calibrated.meta["performance"]["calibration"]
    assert calibrated.get_pipe("ner").temperature == pytest.approx(stored["temperature"])
    assert f"{stored['error_after']:.3f}" in result.output
    # Once more, and in place.
    again = bert_ner("calibrate", files / "out", files / "dev.spacy", files / "out")
    assert again.exit_code == 0, again.output
    assert spacy.load(files / "out").get_pipe("ner").temperature == pytest.approx(
        stored["temperature"]
    )
    assert sorted(path.name for path in files.iterdir()) == ["dev.spacy", "model", "out"]


def test_command_with_nothing_to_calibrate_by(trained, tmp_path, bert_ner):
    trained.to_disk(tmp_path / "model")
    DocBin(docs=[eg.reference for eg in examples(trained)]).to_disk(tmp_path / "dev.spacy")
    result = bert_ner("calibrate", tmp_path / "model", tmp_path / "dev.spacy", tmp_path / "out")
    assert result.exit_code == 0
    assert "all are right" in " ".join(result.output.split())
    assert (tmp_path / "out" / "meta.json").exists()


def test_command_names_a_component_that_is_not_there(files, bert_ner):
    result = bert_ner(
        "calibrate", files / "model", files / "dev.spacy", files / "out", "--component", "names"
    )
    assert result.exit_code == 1
    assert "it has transformer, ner" in result.output
    assert result.output.count("\n") == 1
    assert not (files / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "dev.spacy", "out"), "no such pipeline"),
        (("model", "dev.conll", "out"), "no such DocBin"),
        (("model", "dev.spacy", "other"), "holds no pipeline"),
    ],
)
def test_command_fails_in_one_line(files, bert_ner, arguments, message):
    (files / "other").mkdir()
    (files / "other" / "thesis.txt").write_text("mine")
    result = bert_ner("calibrate", *(files / name for name in arguments))
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1
    assert not (files / "out").exists()
    assert (files / "other" / "thesis.txt").read_text() == "mine"
