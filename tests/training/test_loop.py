"""Training against spaCy's own, interrupted in all ways, and resumed."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
import spacy
import torch
from spacy.training.loop import train as spacy_train

from spacy_bert_ner.data.records import DataError
from spacy_bert_ner.training import checkpoint, loop
from spacy_bert_ner.training.loop import Interrupted, train
from spacy_bert_ner.training.weights import copy_weights

KINDS = ["transformer", "cnn", "stock"]


def quiet(nlp, output, **options):
    output.mkdir(exist_ok=True)
    train(nlp, output, stdout=io.StringIO(), stderr=io.StringIO(), **options)


def assert_same(one, other):
    one, other = copy_weights(one), copy_weights(other)
    assert one.keys() == other.keys()
    assert one
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def stop_after(monkeypatch, steps):
    """Let training break down after that many steps, as a crash would."""
    update = loop._Run._update
    done = []

    def counted(self, *arguments):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        update(self, *arguments)

    monkeypatch.setattr(loop._Run, "_update", counted)


@pytest.fixture
def interrupted(fresh, tmp_path, monkeypatch):
    """Train undisturbed and, after a crash, resumed; the same weights. The outputs: one and two."""

    def check(steps, kind="transformer", **changes):
        undisturbed = fresh(kind, **changes)
        quiet(undisturbed, tmp_path / "one")
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            with pytest.raises(KeyboardInterrupt):
                quiet(fresh(kind, **changes), tmp_path / "two")
        resumed = fresh(kind, **changes)
        quiet(resumed, tmp_path / "two", resume=True)
        assert_same(resumed, undisturbed)

    return check


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_are_those_of_spacy_train(fresh, tmp_path, kind):
    theirs = fresh(kind)
    (tmp_path / "theirs").mkdir()
    spacy_train(theirs, tmp_path / "theirs", stdout=io.StringIO(), stderr=io.StringIO())
    ours = fresh(kind)
    quiet(ours, tmp_path / "ours")
    assert_same(ours, theirs)
    for name in ("model-last", "model-best"):
        assert (tmp_path / "ours" / name / "meta.json").exists()
    assert_same(spacy.load(tmp_path / "ours" / "model-last"), theirs)


def test_the_last_step_is_evaluated(fresh, tmp_path):
    nlp = fresh(**{"training.eval_frequency": 1000})
    quiet(nlp, tmp_path / "out")
    # What spaCy would call best is the model after its first step.
    assert spacy.load(tmp_path / "out" / "model-best").meta["performance"]["ents_f"] > 0
    assert_same(spacy.load(tmp_path / "out" / "model-best"), nlp)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 7, 12, 21])
def test_resumed_to_the_same_weights(interrupted, tmp_path, kind, steps):
    interrupted(steps, kind)
    for name in ("model-best", "model-last"):
        one, two = (spacy.load(tmp_path / out / name) for out in ("one", "two"))
        assert_same(one, two)
        assert one.meta["performance"] == two.meta["performance"]
    assert checkpoint.find(tmp_path / "two") is None


def test_interrupted_twice(fresh, tmp_path, monkeypatch):
    undisturbed = fresh()
    quiet(undisturbed, tmp_path / "one")
    for i, steps in enumerate((8, 6)):
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            with pytest.raises(KeyboardInterrupt):
                quiet(fresh(), tmp_path / "two", resume=i > 0)
    resumed = fresh()
    quiet(resumed, tmp_path / "two", resume=True)
    assert_same(resumed, undisturbed)


@pytest.mark.parametrize("after", [3, 5, 6])
def test_a_signal_ends_the_step_in_progress(fresh, tmp_path, monkeypatch, after):
    undisturbed = fresh()
    quiet(undisturbed, tmp_path / "one")
    update = loop._Run._update
    before = signal.getsignal(signal.SIGINT)
    done = []

    def signalled(self, *arguments):
        update(self, *arguments)
        done.append(1)
        if len(done) == after:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_update", signalled)
        with pytest.raises(Interrupted):
            quiet(fresh(), tmp_path / "two")
    assert len(done) == after
    assert signal.getsignal(signal.SIGINT) is before
    resumed = fresh()
    quiet(resumed, tmp_path / "two", resume=True)
    assert_same(resumed, undisturbed)


def test_streamed_corpora(interrupted):
    interrupted(13, **{"training.max_epochs": -1, "training.max_steps": 17})


SWAPPING = {
    "training.batcher": {
        "@batchers": "spacy-bert-ner.swap_entities.v1",
        "share": 0.5,
        "batcher": {
            "@batchers": "spacy.batch_by_words.v1",
            "size": 20,
            "tolerance": 0.2,
            "discard_oversize": False,
        },
    }
}


@pytest.mark.parametrize("epochs", [{}, {"training.max_epochs": -1, "training.max_steps": 17}])
def test_entities_that_trade_places(interrupted, epochs):
    interrupted(13, **SWAPPING, **epochs)


def test_spacys_own_optimizer(interrupted, tmp_path):
    changes = {
        "training.optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.001, "use_averages": True}
    }
    interrupted(8, "cnn", **changes)
    assert_same(*(spacy.load(tmp_path / out / "model-last") for out in ("one", "two")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training.dropout": 0.5}, "training.dropout = 0.5 rather than 0.2"),
        ({"training.max_epochs": 5}, "training.max_epochs = 5 rather than 4"),
    ],
)
def test_another_config_is_refused(fresh, tmp_path, monkeypatch, changes, message):
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            quiet(fresh(), tmp_path / "out")
    with pytest.raises(DataError, match=message):
        quiet(fresh(**changes), tmp_path / "out", resume=True)
    quiet(fresh(), tmp_path / "out", resume=True)


def test_other_data_are_refused(fresh, corpus, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            quiet(fresh(), tmp_path / "out")
    train_file = corpus / "train.spacy"
    docs = list(spacy.tokens.DocBin().from_disk(train_file).get_docs(spacy.blank("en").vocab))
    spacy.tokens.DocBin(docs=docs[::-1]).to_disk(train_file)
    with pytest.raises(DataError, match="other training data"):
        quiet(fresh(), tmp_path / "out", resume=True)


def test_nothing_to_resume(fresh, tmp_path):
    with pytest.raises(DataError, match="no checkpoint"):
        quiet(fresh(), tmp_path / "out", resume=True)


def test_a_checkpoint_that_could_not_be_written_leaves_the_older_one(fresh, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(KeyboardInterrupt):
            quiet(fresh(), out)
    before = (out / "checkpoint" / "state.json").read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", full)
        with pytest.raises(OSError, match="No space"):
            quiet(fresh(), out, resume=True)
    assert (out / "checkpoint" / "state.json").read_bytes() == before
    assert not list(out.glob(".*"))


def command(config, output, *more):
    return [
        sys.executable, "-m", "spacy", "bert-ner", "train", str(config), "--output", str(output),
        *more,
    ]  # fmt: skip


def test_killed_and_resumed_by_the_command(config_text, fresh, tmp_path):
    config = tmp_path / "config.cfg"
    config.write_text(config_text())
    longer = ["--training.max_epochs", "12"]
    done = subprocess.run(
        command(config, tmp_path / "one", *longer), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    process = subprocess.Popen(
        command(config, tmp_path / "two", *longer),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    state = tmp_path / "two" / "checkpoint" / "state.json"
    deadline = time.monotonic() + 60
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.find(tmp_path / "two") is not None
    resumed = subprocess.run(
        command(config, tmp_path / "two", "--resume", *longer), capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert_same(*(spacy.load(tmp_path / out / "model-last") for out in ("one", "two")))
    again = subprocess.run(
        command(config, tmp_path / "two", "--resume", *longer), capture_output=True, text=True
    )
    assert again.returncode == 0
    assert "ended already" in " ".join(again.stdout.split())
