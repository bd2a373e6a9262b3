"""The whole workflow, on a tiny encoder and a tiny corpus, as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import torch
from spacy.tokens import DocBin

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("project.yml", "pyproject.toml", "README.md", "LICENSE", "configs", "scripts",
          "spacy_bert_ner")  # fmt: skip
PLACES = ["Oulu", "Lima", "Accra", "Hanoi", "Quito", "Minsk", "Turin", "Malmö", "Kyoto", "Doha"]
PEOPLE = ["Ada", "Kofi", "Linh", "Rosa", "Ivan", "Aiko", "Omar", "Lena"]
STEPS = ["encoder", "convert", "inspect", "train", "calibrate", "evaluate", "package", "smoke"]


@pytest.fixture(scope="module")
def project(tmp_path_factory, encoder_folder):
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    documents = [
        f"[{person}](PERSON) went to [{place}](GPE) .\nNothing was seen there ."
        for person in PEOPLE
        for place in PLACES
    ]
    dataset = folder / "assets" / "tiny"
    dataset.mkdir(parents=True)
    (dataset / "texts.txt").write_text("\n\n".join(documents), encoding="utf-8")
    config = folder / "configs" / "default.cfg"
    text = config.read_text(encoding="utf-8")
    for setting, value in (
        ("max_epochs", "12"),
        ("peak", "0.005"),
        ("eval_frequency", "40"),
        ("size", "60"),
    ):
        line = next(line for line in text.splitlines() if line.startswith(f"{setting} ="))
        text = text.replace(line, f"{setting} = {value}")
    text = text.replace(
        "name = ${paths.encoder}", "name = ${paths.encoder}\noverlap = 8\nmax_token_pieces = 8"
    )
    config.write_text(text, encoding="utf-8")
    return folder


def run(project, encoder, step, *overrides):
    command = [sys.executable, "-m", "spacy", "project", "run", step, str(project)]
    command += ["--vars.dataset", "tiny", "--vars.encoder", str(encoder), *overrides]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_workflow(project, encoder_folder):
    done = run(project, encoder_folder("bert"), "all")
    assert done.returncode == 0, done.stdout + done.stderr
    for label in ("PERSON", "GPE"):
        assert label in done.stdout
    metrics = json.loads((project / "metrics" / "test.json").read_text())
    assert metrics["ents_f"] > 0.9
    assert set(metrics["ents_per_type"]) == {"PERSON", "GPE"}
    wheels = sorted(p.name for p in (project / "packages").glob("*.whl"))
    assert wheels == [
        "en_bert_ner-0.1.0-py3-none-any.whl", "spacy_bert_ner-0.1.0-py3-none-any.whl",
    ]  # fmt: skip
    assert json.loads((project / "metrics" / "smoke.json").read_text())["name"] == "bert_ner"

    # Nothing changed, so nothing is done again.
    again = run(project, encoder_folder("bert"), "all")
    assert again.returncode == 0, again.stdout + again.stderr
    assert [again.stdout.count(f"Skipping '{step}'") for step in STEPS] == [1] * len(STEPS)


def test_the_wheel_gives_the_figures_of_the_trained_pipeline(project, tmp_path):
    """Unpacked by itself, the packaged pipeline scores what the evaluate step printed."""
    wheel = project / "packages" / "en_bert_ner-0.1.0-py3-none-any.whl"
    shutil.unpack_archive(wheel, tmp_path, format="zip")
    requirements = (tmp_path / "en_bert_ner-0.1.0.dist-info" / "METADATA").read_text()
    assert "Requires-Dist: spacy-bert-ner" in requirements
    assert "Requires-Dist: spacy-transformers" in requirements
    nlp = spacy.load(tmp_path / "en_bert_ner" / "en_bert_ner-0.1.0")
    gold = list(DocBin().from_disk(project / "corpus" / "test.spacy").get_docs(nlp.vocab))
    scores = nlp.evaluate([spacy.training.Example(nlp.make_doc(doc.text), doc) for doc in gold])
    metrics = json.loads((project / "metrics" / "test.json").read_text())
    for key in ("ents_p", "ents_r", "ents_f", "ents_per_type"):
        assert scores[key] == metrics[key]
    # The vectors of a batch go when its entities are found, unless asked for.
    (doc,) = nlp.pipe([gold[0].text])
    assert doc.ents
    assert doc._.trf_data is None
    with nlp.select_pipes(disable="doc_cleaner"):
        (doc,) = nlp.pipe([gold[0].text])
    assert doc._.trf_data.model_output.last_hidden_state.shape[1] == len(doc)


def test_gpu_that_is_not_there_stops_the_workflow(project, encoder_folder):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    done = run(project, encoder_folder("bert"), "train", "--vars.gpu_id", "0")
    assert done.returncode == 1
    assert "gpu_id 0: torch" in done.stdout + done.stderr
    assert (project / "training" / "model-best").exists()


def test_unknown_dataset_stops_the_workflow(project, encoder_folder):
    command = [sys.executable, "-m", "spacy", "project", "run", "convert", str(project)]
    done = subprocess.run(
        [*command, "--vars.dataset", "nope"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "assets/nope" in done.stdout + done.stderr
