"""The benchmark of speed: its texts, its ratios, its report, and a run in miniature."""

import json
import sys
from pathlib import Path

import pytest
from conftest import train
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import speed
from peers.taggers import ForwardPass, huggingface


def test_texts_are_joined_to_a_size():
    assert speed.joined(["a b", "c", "d e f", "g"], 3) == ["a b c", "d e f"]
    assert speed.joined(["a b"], 3) == ["a b"]


def test_kinds_of_text_have_the_words_asked_for(corpus):
    kinds = speed.text_sets(corpus / "train.spacy", 800)
    assert list(kinds) == ["short", "docs", "mix", "long"]
    assert 800 <= speed.words_of(kinds["short"]) < 820
    assert [len(text.split()) >= speed.DOCUMENT for text in kinds["docs"]] == [True, True]
    assert len(kinds["mix"]) == 4
    assert len(kinds["long"]) == 1


def test_ratios_are_taken_within_a_round():
    # A machine that was half as fast in the second round.
    figures = {"ours": [200.0, 100.0, 210.0], "spacy": [100.0, 50.0, 100.0]}
    assert speed.ratio(figures, "ours", "spacy") == 2.0


def test_numbered_texts_differ():
    texts = list(speed.numbered(["a", "b"], 5))
    assert texts == ["a (0)", "b (1)", "a (2)", "b (3)", "a (4)"]


def test_report(tmp_path):
    figures = {
        "machine": {"device": "cpu"},
        "rounds": 1,
        "throughput": {
            "short": {"words_per_second": {"forward": [2000.0], "ours": [1000.0], "spacy": [250.0]}}
        },
        "latency": {"forward": [0.004, 0.004], "ours": [0.005, 0.006]},
        "fast_modes": {"fp32": {"f1": 80.0, "same": 1.0}, "int8": {"f1": 79.9, "same": 0.995}},
        "training": {"ours": [600.0], "spacy": [200.0]},
        "resources": {"ours": {"load_seconds": 1.5, "memory": 1 << 29, "gpu_memory": 0}},
    }
    (tmp_path / "speed.json").write_text(json.dumps(figures))
    (tmp_path / "scale.json").write_text(
        json.dumps([{"documents": 10, "words_per_second": 100.0, "memory": 1 << 28}])
    )
    done = CliRunner().invoke(speed.app, ["report", "--output", str(tmp_path)])
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert ["forward", "0.50"] in lines
    assert ["spacy", "4.00"] in lines
    assert ["ours", "5.5", "6.0", "1.38"] in lines
    assert ["ours", "600", "3.00"] in lines
    assert ["int8", "79.90", "99.50%"] in lines
    assert ["ours", "1.5", "512", "0"] in lines
    assert (tmp_path / "speed.svg").read_text().startswith("<?xml")


def test_fast_modes(trained, corpus, tmp_path, monkeypatch):
    trained.to_disk(tmp_path / "model")
    found = speed.fast_modes(tmp_path / "model", corpus / "dev.spacy", -1)
    assert list(found) == ["fp32", "int8"]
    assert found["fp32"] == {"f1": pytest.approx(100.0), "same": 1.0}
    assert found["int8"]["same"] >= 0.6

    class Nothing:
        """A pipeline in whose fast mode nothing is found."""

        def __init__(self, fast):
            trained.get_pipe("ner").threshold = 1.0 if fast else None
            self.evaluate, self.pipe = trained.evaluate, trained.pipe
            self.vocab, self.make_doc = trained.vocab, trained.make_doc

    monkeypatch.setattr(
        speed,
        "load",
        lambda path, gpu_id, **settings: Nothing("components.transformer.model.int8" in settings),
    )
    found = speed.fast_modes(tmp_path / "model", corpus / "dev.spacy", -1)
    assert found["int8"] == {"f1": 0.0, "same": pytest.approx(0.2)}


def test_no_figures(tmp_path):
    assert CliRunner().invoke(speed.app, ["report", "--output", str(tmp_path)]).exit_code == 1


def test_scale(trained, corpus, tmp_path):
    trained.to_disk(tmp_path / "model")
    arguments = ["scale", str(tmp_path / "model"), "--documents", "100"]
    arguments += ["--corpus", str(corpus), "--output", str(tmp_path)]
    done = CliRunner().invoke(speed.app, arguments)
    assert done.exit_code == 0, done.output
    rows = json.loads((tmp_path / "scale.json").read_text())
    assert [row["documents"] for row in rows] == [10, 100]
    assert all(row["memory"] > 0 and row["words"] > row["documents"] for row in rows)


def test_the_pipeline_of_hugging_face_has_our_weights(make_nlp, encoder_folder):
    nlp = make_nlp(
        **{
            "components.transformer.model.case_features": False,
            "components.transformer.model.transformer_config": {
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
        }
    )
    train(nlp, steps=60)
    texts = ["Ada Lovelace lives in London", "the board met and nothing happened"]
    found = [len(doc.ents) for doc in nlp.pipe(texts)]
    assert found == [2, 0]
    tag = huggingface(nlp, encoder_folder("bert"), -1)
    # It looks at further pieces of a word as well, which ours leaves untrained.
    assert tag(texts[:1]) >= 2
    assert tag(texts[1:]) == 0


def test_the_forward_pass_is_over_the_whole_text(encoder_folder):
    texts = ["Ada Lovelace lives in London."] * 3 + ["Oulu " * 700]
    forward = ForwardPass(encoder_folder("bert"), -1)
    batches = forward.batches(texts)
    ids = [row[row != forward.tokenizer.pad_token_id] for b in batches for row in b["input_ids"]]
    pieces = sum(len(row) - 2 for row in ids)
    assert pieces == sum(
        len(forward.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts
    )
    assert forward.run(batches) == len(batches)
