"""DocBins as JSON, for systems whose environment has no spaCy."""

from __future__ import annotations

import json
from pathlib import Path

import spacy
from spacy.tokens import DocBin


def export(folder: Path) -> None:
    """Write train, dev and test.json beside the DocBins: a list of [words, [[start, end, label]]]."""
    vocab = spacy.blank("en").vocab
    for split in ("train", "dev", "test"):
        docs = DocBin().from_disk(folder / f"{split}.spacy").get_docs(vocab)
        rows = [
            [[t.text for t in doc], [[e.start, e.end, e.label_] for e in doc.ents]]
            for doc in docs
            if len(doc)
        ]
        (folder / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")
