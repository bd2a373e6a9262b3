"""The component as a citizen of spaCy."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import spacy
import torch
from conftest import TRAIN, entities, examples, train
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

LEARNED = [[(text[s:e], label) for s, e, label in spans] for text, spans in TRAIN]
ODD_TEXTS = ["", " ", "\n\n", "x" * 500, "Ada Lovelace \n lives", "London"]


def weights(nlp):
    return {
        name: value.clone()
        for shim in (nlp.get_pipe("transformer").model.shims[0],
                     nlp.get_pipe("ner").model.get_ref("head").shims[0])
        for name, value in shim.module.state_dict().items()
    }  # fmt: skip


def test_learns_its_sentences(trained):
    docs = list(trained.pipe(text for text, _ in TRAIN))
    assert [entities(doc) for doc in docs] == LEARNED
    assert all(doc.has_annotation("ENT_IOB") for doc in docs)


@pytest.mark.parametrize("family", ["roberta", "deberta", "modernbert"])
def test_other_families_learn_too(make_nlp, family):
    nlp = make_nlp(family)
    losses = train(nlp, steps=25)
    assert losses[-1] < 0.6 * losses[0]


def test_iob_scheme(make_nlp):
    nlp = make_nlp(**{"components.ner.scheme": "iob"})
    losses = train(nlp, steps=80)
    assert losses[-1] < 0.2 * losses[0]
    assert [entities(doc) for doc in nlp.pipe(t for t, _ in TRAIN)] == LEARNED


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts(trained, text):
    doc = trained(text)
    assert doc.text == text
    for ent in doc.ents:
        assert not ent[0].is_space
        assert not ent[-1].is_space


def test_odd_texts_among_others(trained):
    texts = [text for text, _ in TRAIN]
    mixed = [t for pair in zip(texts, ODD_TEXTS) for t in pair]
    docs = list(trained.pipe(mixed))
    assert [entities(d) for d in docs[::2]] == LEARNED


def test_entities_do_not_depend_on_batches_order_or_windows(trained):
    texts = [text for text, _ in TRAIN] * 3 + [" ".join(text for text, _ in TRAIN)] * 2
    texts += ["", "Nokia", "London. Oulu!\n\n"]
    ner = trained.get_pipe("ner")
    ner.confidence, ner.threshold = True, 0.2

    def check(order, **options):
        found = dict(zip(order, trained.pipe([texts[i] for i in order], **options)))
        assert [entities(found[i]) for i in range(len(texts))] == expected
        scores = [ent._.confidence for i in range(len(texts)) for ent in found[i].ents]
        np.testing.assert_allclose(scores, confidences, atol=1e-4)

    docs = [trained(text) for text in texts]
    expected = [entities(doc) for doc in docs]
    confidences = [ent._.confidence for doc in docs for ent in doc.ents]
    assert len(confidences) > 20
    order = list(range(len(texts)))
    for size in (1, 2, 7, 100):
        check(order, batch_size=size)
        check(order[::-1], batch_size=size)
    trained.get_pipe("transformer").cfg["max_batch_items"] = 10
    check(order, batch_size=100)


def test_odd_texts_in_training(make_nlp):
    nlp = make_nlp()
    odd = [Example.from_dict(nlp.make_doc(t), {"entities": []}) for t in ODD_TEXTS]
    losses = {}
    nlp.update(odd, losses=losses)
    nlp.update(odd[:1], losses=losses)
    nlp.update(examples(nlp) + odd, losses=losses)
    assert np.isfinite(losses["ner"])


def test_preset_entities_are_kept(trained):
    doc = trained.make_doc("Ada Lovelace lives in London.")
    preset = Span(doc, 1, 3, label="CUSTOM", kb_id="Q1", span_id="rule-7")
    doc.set_ents([preset], blocked=[doc[4:5]], default="missing")
    for _, pipe in trained.pipeline:
        doc = pipe(doc)
    (kept,) = [ent for ent in doc.ents if ent.label_ == "CUSTOM"]
    assert (kept.start, kept.end, kept.kb_id_, kept.id_) == (1, 3, "Q1", "rule-7")
    # Every other token is decided now, and the blocked one stays blocked.
    assert all(token.ent_iob != 0 for token in doc)
    assert (doc[4].ent_iob_, doc[4].ent_type_) == ("B", "")
    assert not any(ent.start <= 4 < ent.end for ent in doc.ents)


def test_outside_tokens_of_an_earlier_component_are_free(trained):
    doc = trained.make_doc("Ada Lovelace lives in London.")
    doc.set_ents([], default="outside")
    for _, pipe in trained.pipeline:
        doc = pipe(doc)
    assert entities(doc) == LEARNED[0]


def test_missing_annotation_is_masked(make_nlp):
    nlp = make_nlp()
    ner = nlp.get_pipe("ner")
    doc = nlp.make_doc("Ada lives in London")
    example = Example(doc, Doc(nlp.vocab, words=["Ada", "lives", "in", "London"]))
    example.reference.set_ents(
        [Span(example.reference, 3, 4, label="GPE")], missing=[example.reference[0:3]]
    )
    nlp.get_pipe("transformer")(doc)
    scores = ner.model.predict([doc])
    loss, gradient = ner.get_loss([example], scores)
    assert loss > 0
    assert not gradient[:3].any()
    assert gradient[3].any()


def test_incorrect_spans(make_nlp):
    nlp = make_nlp(**{"components.ner.incorrect_spans_key": "wrong"})
    ner = nlp.get_pipe("ner")
    words = ["Ada", "met", "London", "Oulu"]
    reference = Doc(nlp.vocab, words=words)
    reference.set_ents([], missing=[reference[:]])
    reference.spans["wrong"] = [Span(reference, 2, 4, label="GPE")]
    example = Example(Doc(nlp.vocab, words=words), reference)
    nlp.get_pipe("transformer")(example.predicted)
    _, gradient = ner.get_loss([example], ner.model.predict([example.predicted]))
    assert not gradient[:2].any()
    assert gradient[2, ner.scheme.tags.index("B-GPE")] > 0
    assert gradient[3, ner.scheme.tags.index("L-GPE")] > 0

    reference.set_ents([Span(reference, 2, 4, label="GPE")])
    with pytest.raises(ValueError, match="E868"):
        ner.get_loss([example], ner.model.predict([example.predicted]))


def test_initialize_with_labels(make_nlp):
    nlp = make_nlp(initialize=False)
    nlp.config["initialize"]["components"]["ner"] = {"labels": ["X", "GPE", "ORG"]}
    nlp.initialize(lambda: examples(nlp, TRAIN[2:3]))
    assert nlp.get_pipe("ner").labels == ("X", "GPE", "ORG")
    assert nlp.get_pipe("ner").label_data == ["X", "GPE", "ORG"]


def test_labels_found_in_examples_are_sorted(make_nlp):
    assert make_nlp().get_pipe("ner").labels == ("DATE", "GPE", "ORG", "PERSON")


def test_no_entities_to_learn(make_nlp):
    nlp = make_nlp(initialize=False)
    with pytest.raises(ValueError, match="No entities in the training data"):
        nlp.initialize(lambda: examples(nlp, [("nothing here", [])]))


def test_unknown_label_in_training(make_nlp):
    nlp = make_nlp()
    with pytest.raises(ValueError, match="'NEW'"):
        nlp.update(examples(nlp, [("London", [(0, 6, "NEW")])]))


def test_add_label_keeps_what_was_learned(trained):
    ner = trained.get_pipe("ner")
    assert ner.add_label("GPE") == 0
    assert ner.add_label("ZZZ") == 1
    assert ner.labels[-1] == "ZZZ"
    assert ner.model.get_ref("head").get_dim("nO") == 1 + 4 * 5
    scores = ner.model.predict([trained("Ada Lovelace lives in London.")]).dataXd
    assert scores.shape[1] == 21
    losses = train(trained, steps=5, learn_rate=1e-4)
    assert losses[-1] < 0.5
    new = examples(trained, [("the board", [(4, 9, "ZZZ")])])
    trained.update(new)


@pytest.mark.parametrize("label", ["", " GPE", 3])
def test_add_label_refuses(make_nlp, label):
    with pytest.raises(ValueError, match="label|E187"):
        make_nlp().get_pipe("ner").add_label(label)


def test_score(trained):
    scores = trained.evaluate(examples(trained))
    assert scores["ents_f"] == 1.0
    assert scores["ents_per_type"]["PERSON"] == {"p": 1.0, "r": 1.0, "f": 1.0}


def test_serialization_of_the_pipeline(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    from_disk = spacy.load(tmp_path / "model")
    from_bytes = spacy.util.load_model_from_config(trained.config, auto_fill=True)
    from_bytes.from_bytes(trained.to_bytes())
    for again in (from_disk, from_bytes):
        for name, value in weights(trained).items():
            assert torch.equal(value, weights(again)[name]), name
        assert [entities(d) for d in again.pipe(t for t, _ in TRAIN)] == LEARNED
        assert again.get_pipe("ner").labels == trained.get_pipe("ner").labels
    assert from_disk.get_pipe("ner").to_bytes() == trained.get_pipe("ner").to_bytes()


def test_loading_never_unpickles(trained, tmp_path, monkeypatch):
    trained.to_disk(tmp_path / "model")

    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr("pickle.load", refuse)
    monkeypatch.setattr("pickle.loads", refuse)
    assert entities(spacy.load(tmp_path / "model")(TRAIN[0][0])) == LEARNED[0]


def test_loading_needs_no_encoder_folder(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model", config={"components.transformer.model.name": "/gone"})
    assert entities(nlp(TRAIN[0][0])) == LEARNED[0]


def test_round_trip_before_initialize(make_nlp, tmp_path):
    nlp = make_nlp(initialize=False)
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    again.initialize(lambda: examples(again))
    assert again.get_pipe("ner").labels == ("DATE", "GPE", "ORG", "PERSON")
    empty = make_nlp(initialize=False)
    empty.from_bytes(nlp.to_bytes())
    with pytest.raises(ValueError, match="nlp.initialize"):
        empty("London")


def test_config_of_a_loaded_pipeline_rules(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model", config={"components.transformer.model.window": 30})
    long = " ".join(["Ada Lovelace lives in London ."] * 20)
    assert len(nlp(long).ents) > 0


def test_docbin_of_predictions(trained):
    docs = list(trained.pipe(t for t, _ in TRAIN))
    again = list(DocBin(docs=docs).get_docs(trained.vocab))
    assert [entities(d) for d in again] == LEARNED


def test_two_processes(trained):
    docs = list(trained.pipe([t for t, _ in TRAIN] * 3, n_process=2, batch_size=4))
    assert [entities(d) for d in docs] == LEARNED * 3


SPAWN = """
import multiprocessing, sys, spacy
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    nlp = spacy.load(sys.argv[1])
    for doc in nlp.pipe([sys.argv[2]] * 4, n_process=2, batch_size=1):
        print([(ent.text, ent.label_) for ent in doc.ents])
"""


def test_two_spawned_processes(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    script = tmp_path / "script.py"
    script.write_text(SPAWN)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "model"), TRAIN[0][0]],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert done.stdout.splitlines() == [str(LEARNED[0])] * 4


def test_training_goes_on_from_a_saved_pipeline(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model")
    optimizer = nlp.resume_training()
    for _ in range(3):
        nlp.update(examples(nlp), sgd=optimizer)
    assert entities(nlp(TRAIN[0][0])) == LEARNED[0]


def test_select_pipes(trained):
    with trained.select_pipes(disable=["ner"]):
        assert not trained(TRAIN[0][0]).ents
    assert trained(TRAIN[0][0]).ents


def test_frozen_transformer_that_annotates(make_nlp):
    nlp = make_nlp()
    before = weights(nlp)
    optimizer = nlp.create_optimizer()
    for _ in range(3):
        nlp.update(examples(nlp), sgd=optimizer, exclude=["transformer"], annotates=["transformer"])
    after = weights(nlp)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"linear.weight", "linear.bias"}


def test_annotating_ner(make_nlp):
    nlp = make_nlp()
    data = examples(nlp)
    nlp.update(data, annotates=["ner"])
    nlp.update(data, annotates=["transformer", "ner"])


def test_replace_listeners(trained, tmp_path):
    expected = [entities(d) for d in trained.pipe(t for t, _ in TRAIN)]
    trained.replace_listeners("transformer", "ner", ["model.tok2vec"])
    trained.remove_pipe("transformer")
    assert [entities(d) for d in trained.pipe(t for t, _ in TRAIN)] == expected
    trained.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert [entities(d) for d in again.pipe(t for t, _ in TRAIN)] == expected
    losses = [{}, {}]
    for loss in losses:
        again.update(examples(again), losses=loss)
    assert losses[1]["ner"] >= 0


def test_stock_listener(make_nlp, tmp_path):
    nlp = make_nlp(**{
        "components.ner.model.tok2vec": {
            "@architectures": "spacy-transformers.TransformerListener.v1",
            "grad_factor": 1.0,
            "pooling": {"@layers": "reduce_mean.v1"},
        }
    })  # fmt: skip
    train(nlp, steps=60)
    assert [entities(d) for d in nlp.pipe([t for t, _ in TRAIN])] == LEARNED
    odd = [Example.from_dict(nlp.make_doc(t), {"entities": []}) for t in ODD_TEXTS]
    nlp.update(examples(nlp) + odd)
    expected = [entities(d) for d in nlp.pipe(t for t, _ in TRAIN)]
    nlp.replace_listeners("transformer", "ner", ["model.tok2vec"])
    nlp.to_disk(tmp_path / "model")
    assert [entities(d) for d in spacy.load(tmp_path / "model").pipe(t for t, _ in TRAIN)] == (
        expected
    )


def test_stock_components_share_the_encoder(make_nlp):
    """A tagger and spaCy's own ner listen to the same transformer, with gradients from all."""
    nlp = make_nlp(initialize=False)
    for factory in ("tagger", "ner"):
        nlp.add_pipe(factory, name=f"stock_{factory}", config={"model": {"tok2vec": {
            "@architectures": "spacy-transformers.TransformerListener.v1",
            "grad_factor": 1.0,
            "pooling": {"@layers": "reduce_mean.v1"},
        }}})  # fmt: skip
    data = []
    for text, spans in [*TRAIN, ("", [])]:
        doc = nlp.make_doc(text)
        data.append(
            Example.from_dict(
                doc, {"entities": spans, "tags": ["X" if t.is_title else "Y" for t in doc]}
            )
        )
    nlp.initialize(lambda: data)
    first: dict = {}
    nlp.update(data, losses=first)
    last: dict = {}
    for _ in range(15):
        last = {}
        nlp.update(data, losses=last)
    assert last["ner"] < first["ner"]
    assert last["stock_tagger"] < first["stock_tagger"]
    assert {t.tag_ for t in nlp("Ada met London")} <= {"X", "Y"}


def test_cnn_tok2vec():
    nlp = spacy.blank("en")
    nlp.add_pipe("bert_ner", name="ner", config={"model": {"tok2vec": {
        "@architectures": "spacy.HashEmbedCNN.v2", "width": 32, "depth": 1, "embed_size": 200,
        "window_size": 1, "maxout_pieces": 2, "subword_features": True, "pretrained_vectors": None,
    }}})  # fmt: skip
    data = examples(nlp)
    optimizer = nlp.initialize(lambda: data)
    for _ in range(120):
        nlp.update(data, sgd=optimizer, drop=0.0)
    assert [entities(d) for d in nlp.pipe(t for t, _ in TRAIN)] == LEARNED


def test_sourcing(trained, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", source=trained)
    nlp.add_pipe("ner", source=trained, name="names")
    assert entities(nlp(TRAIN[0][0])) == LEARNED[0]
    nlp.to_disk(tmp_path / "model")
    assert entities(spacy.load(tmp_path / "model")(TRAIN[0][0])) == LEARNED[0]


def test_entity_ruler_before_and_after(trained):
    ruler = trained.add_pipe("entity_ruler", before="ner")
    ruler.add_patterns([{"label": "NUMBER", "pattern": "Ada"}])
    assert entities(trained("Ada lives in London."))[0] == ("Ada", "NUMBER")


def test_analyze_pipes(make_nlp):
    analysis = make_nlp().analyze_pipes()
    assert analysis["summary"]["ner"]["assigns"] == [
        "doc.ents", "doc.spans", "token.ent_iob", "token.ent_type",
    ]  # fmt: skip
    assert analysis["summary"]["ner"]["scores"] == ["ents_f", "ents_p", "ents_r", "ents_per_type"]
    assert analysis["problems"]["ner"] == []


def test_memory_zone(trained):
    with trained.memory_zone():
        found = [entities(d) for d in trained.pipe(t for t, _ in TRAIN)]
    assert found == LEARNED
    assert [entities(d) for d in trained.pipe(t for t, _ in TRAIN)] == LEARNED


def test_predicting_does_not_disturb_training(make_nlp):
    """Evaluation between steps, as spacy train does, leaves the next step as it would have been."""
    results = []
    for evaluate in (False, True):
        nlp = make_nlp()
        torch.manual_seed(5)
        train(nlp, steps=2)
        if evaluate:
            list(nlp.pipe(["London"]))
        train(nlp, steps=2)
        results.append(weights(nlp))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_same_seed_same_weights(make_nlp):
    runs = []
    for _ in range(2):
        nlp = make_nlp()
        torch.manual_seed(1)
        train(nlp, steps=3)
        runs.append(weights(nlp))
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])


def test_no_warnings(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(trained.pipe(ODD_TEXTS))
