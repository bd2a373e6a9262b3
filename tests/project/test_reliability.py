"""The reliability of confidences: bins by hand, and the whole script on a tiny pipeline."""

import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import examples
from spacy.tokens import DocBin
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import reliability


def test_bins():
    scores = np.array([0.95, 1.0, 0.31, 0.39, 0.3])
    right = np.array([True, False, True, False, False])
    assert reliability.bins_of(scores, right) == [
        (0.3, 0.4, 3, pytest.approx(1 / 3), pytest.approx(1 / 3)),
        (0.9, 1.0, 2, pytest.approx(0.975), 0.5),
    ]


def test_script(trained, tmp_path):
    trained.to_disk(tmp_path / "model")
    DocBin(docs=[eg.reference for eg in examples(trained)]).to_disk(tmp_path / "test.spacy")
    app = typer.Typer()
    app.command()(reliability.main)
    done = CliRunner().invoke(
        app,
        [str(tmp_path / "model"), str(tmp_path / "test.spacy"), "--chart", str(tmp_path / "x.svg")],
    )
    assert done.exit_code == 0, done.output
    assert "0.9–1.0" in done.output
    assert "over 9 entities" in done.output
    assert "100.0" in done.output
    assert (tmp_path / "x.svg").exists()
