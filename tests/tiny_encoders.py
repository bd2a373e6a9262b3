"""Tiny encoders of every family: random weights, tokenizers trained on a few sentences."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

TEXT = [
    "Ada Lovelace lives in London and the board met in Oulu on Monday.",
    "Nokia opened in Oulu; nothing happened, she paid for shares.",
    "the quick brown fox jumps over the lazy dog 0123456789 -.,;:!?'\"()",
    "Reykjavik Kaliningrad Ouagadougou Chattanooga",
]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
CONFIGS = {
    "bert": ("bert", SMALL),
    "roberta": ("roberta", {**SMALL, "max_position_embeddings": 66, "type_vocab_size": 1}),
    "distilbert": (
        "distilbert",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 64},
    ),
    "electra": ("electra", {**SMALL, "embedding_size": 8}),
    "deberta": (
        "deberta-v2",
        {**SMALL, "relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"],
         "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False,
         "type_vocab_size": 0},
    ),
    "mpnet": ("mpnet", {**SMALL, "max_position_embeddings": 66}),
    "modernbert": (
        "modernbert",
        {**SMALL, "global_attn_every_n_layers": 2, "local_attention": 16,
         "global_rope_theta": 160000.0},
    ),
}  # fmt: skip
FAMILIES = tuple(CONFIGS)


def save_tiny_encoder(family: str, folder: Path) -> None:
    """Write config.json, tokenizer files and model.safetensors of a random encoder."""
    if family in ("roberta", "modernbert"):
        tokenizer = _byte_level()
    elif family == "deberta":
        tokenizer = _unigram()
    else:
        tokenizer = _wordpiece()
    kind, settings = CONFIGS[family]
    config = AutoConfig.for_model(
        kind,
        **settings,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
    )
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def _wordpiece() -> PreTrainedTokenizerFast:
    """Uncased WordPiece, as BERT, DistilBERT, ELECTRA and MPNet have it."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.decoder = decoders.WordPiece()
    return _finish(tokenizer, special)


def _byte_level() -> PreTrainedTokenizerFast:
    """Cased byte-level BPE, as RoBERTa and ModernBERT have it."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return _finish(tokenizer, special)


def _unigram() -> PreTrainedTokenizerFast:
    """Cased SentencePiece unigram, as DeBERTa-v3 and XLM-RoBERTa have it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="[UNK]")
    tokenizer.train_from_iterator(TEXT, trainer)
    return _finish(tokenizer, special)


def _finish(tokenizer: Tokenizer, special: list[str]) -> PreTrainedTokenizerFast:
    pad, unk, cls, sep, mask = special
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        special_tokens=[(cls, tokenizer.token_to_id(cls)), (sep, tokenizer.token_to_id(sep))],
    )
    # As sentence-transformers publish theirs: with padding and truncation switched on.
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(max_length=12)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        unk_token=unk,
        cls_token=cls,
        sep_token=sep,
        mask_token=mask,
    )
