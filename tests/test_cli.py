"""The commands as a user calls them."""

import json
import subprocess
import sys

import pytest
import spacy

from spacy_bert_ner.cli.pieces import piece_counter

TEXT = "\n\n".join(f"[Oulu](GPE) and [Ada](PERSON) {i}" for i in range(20))


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.txt").write_text(TEXT)
    return folder


def test_spacy_finds_the_commands():
    done = subprocess.run(
        [sys.executable, "-m", "spacy", "bert-ner", "--help"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "convert" in done.stdout
    assert "inspect" in done.stdout


def test_convert_and_inspect(bert_ner, dataset, tmp_path):
    assert bert_ner("convert", dataset, tmp_path / "corpus").exit_code == 0
    result = bert_ner("inspect", tmp_path / "corpus", "--output", tmp_path / "m" / "counts.json")
    assert result.exit_code == 0, result.output
    counts = json.loads((tmp_path / "m" / "counts.json").read_text())
    assert counts["train"]["documents"] == 14
    assert counts["train"]["mentions"] == {"GPE": 14, "PERSON": 14}
    assert counts["test"]["forms"] == {"GPE": 1, "PERSON": 1}
    assert "PERSON" in result.output


def test_mistake_is_one_line_exit_code_one_and_no_file(bert_ner, dataset, tmp_path):
    (dataset / "b.txt").write_text("fine\n\nbut [this")
    result = bert_ner("convert", dataset, tmp_path / "corpus")
    assert result.exit_code == 1
    assert "b.txt:3: '[' is never closed" in result.output
    assert not (tmp_path / "corpus").exists()


def test_mistake_leaves_an_earlier_corpus_as_it_was(bert_ner, dataset, tmp_path):
    bert_ner("convert", dataset, tmp_path / "corpus")
    before = {p.name: p.read_bytes() for p in (tmp_path / "corpus").iterdir()}
    (dataset / "b.txt").write_text("but [this")
    assert bert_ner("convert", dataset, tmp_path / "corpus").exit_code == 1
    assert {p.name: p.read_bytes() for p in (tmp_path / "corpus").iterdir()} == before


def test_inspect_without_a_corpus(bert_ner, tmp_path):
    result = bert_ner("inspect", tmp_path)
    assert result.exit_code == 1
    assert "no such file. Run 'python -m spacy bert-ner convert' first" in result.output


# Positions, less those up to the padding's own, less two special pieces: 64 - 0 - 2, 66 - 1 - 2 and
# 66 - 2 - 2.
@pytest.mark.parametrize(("family", "window"), [("bert", 62), ("roberta", 63), ("mpnet", 62)])
def test_documents_are_measured_in_the_windows_of_an_encoder(encoder_folder, family, window):
    count, fitting = piece_counter(encoder_folder(family))
    assert fitting == window
    assert count(spacy.blank("en")("word " * 5)) >= 5


def test_a_folder_without_an_encoder(bert_ner, dataset, tmp_path):
    bert_ner("convert", dataset, tmp_path / "corpus")
    result = bert_ner("inspect", tmp_path / "corpus", "--encoder", tmp_path / "nothing")
    assert result.exit_code == 1
    assert (
        "nothing: no such folder. Run 'python -m spacy project run encoder' first" in result.output
    )
    result = bert_ner("inspect", tmp_path / "corpus", "--encoder", tmp_path / "corpus")
    assert result.exit_code == 1
    assert "corpus: no encoder that can be used (Can't load the encoder" in result.output


def test_spacys_commands_need_not_wait_for_transformers():
    code = "import sys, spacy_bert_ner.cli; print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
