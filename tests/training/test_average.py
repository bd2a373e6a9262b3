"""Means of weights, by hand; and pipelines that do not fit together."""

import pytest
import spacy
import torch
from conftest import TRAIN, entities, examples, train
from spacy.tokens import DocBin
from test_loop import assert_same

from spacy_bert_ner.data.records import DataError
from spacy_bert_ner.training.average import average
from spacy_bert_ner.training.weights import copy_weights as weights


@pytest.mark.parametrize("kind", ["transformer", "cnn"])
def test_the_mean_of_two(fresh, kind):
    one, two = fresh(kind), fresh(kind, **{"training.seed": 8})
    before = weights(one), weights(two)
    assert average(one, [("two", two)]) == 2
    after = weights(one)
    changed = 0
    for name in after:
        expected = (before[0][name].double() + before[1][name].double()) / 2
        assert torch.equal(after[name], expected.to(after[name].dtype))
        changed += not torch.equal(after[name], before[0][name])
    assert changed
    assert all(torch.equal(weights(two)[name], before[1][name]) for name in before[1])


def test_the_mean_of_one_pipeline_with_itself(fresh):
    one, same, again = fresh(), fresh(), fresh()
    assert average(one, [("same", same), ("again", again)]) == 3
    assert_same(one, again)


def test_it_still_works(trained, tmp_path):
    trained.get_pipe("ner").temperature = 2.0
    trained.meta["performance"] = {"ents_f": 0.5}
    trained.to_disk(tmp_path)
    average(trained, [("copy", spacy.load(tmp_path))])
    docs = trained.pipe(text for text, _ in TRAIN)
    assert [entities(doc) for doc in docs] == [
        [(text[s:e], label) for s, e, label in spans] for text, spans in TRAIN
    ]
    assert trained.get_pipe("ner").temperature == 1.0
    assert trained.meta["performance"] == {}


def test_what_does_not_fit(make_nlp):
    one = make_nlp()
    before = weights(one)
    more = make_nlp()
    more.get_pipe("ner").add_label("FAC")
    with pytest.raises(DataError, match="more: labels of ner: .*FAC"):
        average(one, [("more", more)])
    iob = make_nlp(**{"components.ner.scheme": "iob"})
    with pytest.raises(DataError, match="tag scheme of ner: iob rather than biluo"):
        average(one, [("iob", iob)])
    with pytest.raises(DataError, match=r"weights .*case_embedding"):
        average(one, [("x", make_nlp(**{"components.transformer.model.case_features": False}))])
    with pytest.raises(DataError, match="tokenizer of transformer"):
        average(one, [("roberta", make_nlp("roberta"))])
    more_pipes = make_nlp()
    more_pipes.add_pipe("sentencizer")
    with pytest.raises(DataError, match="components: .*sentencizer"):
        average(one, [("x", more_pipes)])
    assert all(torch.equal(weights(one)[name], before[name]) for name in before)


def test_command(make_nlp, tmp_path, bert_ner):
    for seed in range(2):
        nlp = make_nlp()
        train(nlp, steps=20 + seed)
        nlp.to_disk(tmp_path / str(seed))
    DocBin(docs=[eg.reference for eg in examples(nlp)]).to_disk(tmp_path / "dev.spacy")
    done = bert_ner("average", tmp_path / "0", tmp_path / "1", "--output", tmp_path / "mean",
                    "--dev", tmp_path / "dev.spacy")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "mean of 2 pipelines" in " ".join(done.output.split())
    first, second, mean = (weights(spacy.load(tmp_path / n)) for n in ("0", "1", "mean"))
    name = next(name for name in mean if name.endswith("linear.weight") and name.startswith("ner"))
    torch.testing.assert_close(mean[name], (first[name] + second[name]) / 2)
    failed = bert_ner("average", tmp_path / "0", tmp_path / "none", "--output", tmp_path / "x")
    assert failed.exit_code == 1
    assert "no such pipeline" in failed.output
    assert not (tmp_path / "x").exists()
