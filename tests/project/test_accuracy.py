"""The benchmark of accuracy: its counting, its bootstrap and its report."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import accuracy
from peers.common import Sentence, Task, counts_by_document, f1, from_bio, scores, to_bio


def test_bio_round_trip():
    ents = [(0, 1, "A"), (1, 3, "A"), (4, 6, "B")]
    assert from_bio(to_bio(Sentence(list("abcdef"), ents))) == ents


def test_bio_is_read_as_conlleval_reads_it():
    assert from_bio(["I-A", "I-A", "O", "B-A", "I-B", "B-B"]) == [
        (0, 2, "A"), (3, 4, "A"), (4, 5, "B"), (5, 6, "B"),
    ]  # fmt: skip


def test_counts_and_f1():
    gold = [[(0, 1, "A"), (3, 4, "B")], []]
    found = [[(0, 1, "A"), (3, 4, "A")], [(0, 2, "B")]]
    counts = counts_by_document(found, gold)
    assert counts.tolist() == [[1, 2, 2], [0, 1, 0]]
    assert f1(counts.sum(axis=0)) == pytest.approx(40.0)
    assert scores(found, gold) == pytest.approx({"p": 100 / 3, "r": 50.0, "f": 40.0})
    assert f1(np.zeros(3)) == 0


def test_bootstrap_of_a_certain_lead():
    ours = np.tile([1.0, 1, 1], (50, 1))
    peer = np.tile([0.5, 1, 1], (50, 1))
    found = accuracy.bootstrap(ours, peer, samples=200)
    assert found == {"difference": 50.0, "low": 50.0, "high": 50.0, "p": 0.0}
    assert accuracy.bootstrap(peer, ours, samples=200)["p"] == 1.0


def test_bootstrap_of_one_document_out_of_two():
    # One system finds the first document's entity, the other the second's: nothing between them.
    ours, peer = np.array([[1.0, 1, 1], [0, 0, 1]]), np.array([[0.0, 0, 1], [1, 1, 1]])
    found = accuracy.bootstrap(ours, peer, samples=400)
    assert found["difference"] == 0
    assert (found["low"], found["high"]) == (-100.0, 100.0)


@pytest.fixture
def runs(tmp_path):
    gold = [[[0, 1, "A"]], [[2, 4, "B"]], []]
    systems = {"ours": [gold, gold], "hf": [[gold[0], [], []], [gold[0], [[0, 1, "B"]], []]]}
    for system, by_seed in systems.items():
        for seed, predicted in enumerate(by_seed):
            task = Task(system, "ai", tmp_path, tmp_path, 20, seed, -1,
                        tmp_path / "runs" / "ai" / f"{system}-{seed}.json")  # fmt: skip
            task.result.parent.mkdir(parents=True, exist_ok=True)
            task.write(gold, predicted, gold, gold, words=1000, seconds=2.0, settings={})
    return tmp_path


def test_report(runs):
    done = CliRunner().invoke(accuracy.app, ["report", "--output", str(runs)])
    assert done.exit_code == 0, done.output
    (row,) = json.loads((runs / "accuracy.json").read_text())
    ours, hf = row["systems"]["ours"], row["systems"]["hf"]
    assert (ours["test"], ours["std"], ours["words_per_second"]) == (100.0, 0.0, 500.0)
    assert hf["test"] == pytest.approx((200 / 3 + 50) / 2)
    assert hf["std"] == pytest.approx(np.std([200 / 3, 50], ddof=1))
    assert row["best_peer"] == "hf"
    # Both seeds pooled: 2 right of 3 found and 4 gold.
    assert row["against_best"]["difference"] == pytest.approx(100 - 400 / 7)
    assert "+42.9" in done.output
    assert (runs / "accuracy.svg").read_text().startswith("<?xml")


def test_calibration_of_runs():
    # Ten entities at 0.95, nine of them right, and ten at 0.55, five right.
    confidences = [[0.95] * 10, [0.55] * 10]
    predicted = [[(i, i + 1, "A") for i in range(10)]] * 2
    gold = [predicted[0][:9], predicted[1][:5]]
    run = {"predicted": predicted, "gold": gold, "confidences": confidences}
    found = accuracy.calibration([run, run])
    assert found["error"] == pytest.approx(0.05)
    assert (found["kept"], found["right"]) == (0.5, 0.9)
    # Mean absolute deviation of ten draws each, in shares of the twenty.
    assert found["floor"] == pytest.approx((0.54 + 1.25) / 20, abs=0.02)


def test_no_runs(tmp_path):
    done = CliRunner().invoke(accuracy.app, ["report", "--output", str(tmp_path)])
    assert done.exit_code == 1


def test_a_result_is_whole_or_not_there(tmp_path):
    task = Task("ours", "ai", tmp_path, tmp_path, 1, 0, -1, tmp_path / "x.json")
    with pytest.raises(TypeError):
        task.write([], [], [], [], words=1, seconds=1.0, settings={"bad": {1, 2}})
    assert not task.result.exists()


def test_a_task_survives_the_command_line(tmp_path, monkeypatch):
    task = Task("hf", "ai", tmp_path / "data", tmp_path / "encoder", 5, 2, -1, tmp_path / "x.json")
    monkeypatch.setattr("sys.argv", ["script", task.to_json()])
    assert Task.from_arguments() == task
