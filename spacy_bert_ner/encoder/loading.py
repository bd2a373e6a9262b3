"""Reading a pretrained encoder from a local folder or from the Hugging Face cache or hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoModel, AutoTokenizer

from .tokenizer import PieceTokenizer


def load_pretrained(name: str, transformer_config: dict[str, Any]) -> tuple[PieceTokenizer, Any]:
    """The tokenizer and the encoder of that name, in float32.

    name: a folder with config.json, tokenizer.json and model.safetensors, or a hub name.
    transformer_config: overrides of the encoder's own config, such as dropout rates.
    Only safetensors weights are read, since reading any other kind unpickles.
    Raises ValueError that says what to do when the encoder cannot be had.
    """
    # A path that looks like one must not be sent to the hub as if it were a model's name.
    if not Path(name).is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(f"{_missing(name)} There is no such folder.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        config = AutoConfig.from_pretrained(name, **transformer_config)
        model = AutoModel.from_pretrained(
            name, config=prepare(config), use_safetensors=True, torch_dtype="float32"
        )
    except (OSError, ValueError, ImportError) as error:
        raise ValueError(f"{_missing(name)} transformers says: {_first_line(error)}") from error
    return PieceTokenizer.from_transformers(tokenizer), model


def prepare(config: Any) -> Any:
    """Settings that every encoder runs with here."""
    config.output_hidden_states = False
    config.output_attentions = False
    if hasattr(config, "reference_compile"):
        # ModernBERT would compile itself at the first batch.
        config.reference_compile = False
    return config


def _missing(name: str) -> str:
    return (
        f"Can't load the encoder '{name}'. Give the folder of a downloaded encoder (config.json, "
        "tokenizer.json, model.safetensors), or a name from the Hugging Face hub on a machine that "
        "reaches it; huggingface_hub's 'hf download NAME --local-dir FOLDER' makes such a folder."
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
