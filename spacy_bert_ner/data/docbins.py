"""DocBin files of any size: written in shards, put in place all at once."""

from __future__ import annotations

import shutil
from pathlib import Path

from spacy.attrs import SPACY
from spacy.tokens import Doc, DocBin
from srsly.msgpack import Packer

# What an entity corpus has besides words and spaces.
_ATTRS = ("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID", "SENT_START")
SHARD_TOKENS = 1_000_000
SHARD_DOCUMENTS = 50_000


class DocBinWriter:
    """Writes Docs to `path`, which appears only on `commit`.

    A split larger than a shard becomes a folder `path` with files 0001.spacy, 0002.spacy ...; spaCy's
    corpus reader takes either, and neither writing nor reading needs more memory than a shard.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.documents = 0
        self.entities = 0
        self._part = path.with_name(f".{path.name}.part")
        self._bin = _EntityDocBin()
        self._tokens = 0
        self._shards = 0

    def add(self, doc: Doc) -> None:
        self._bin.add(doc)
        self._tokens += len(doc)
        self.documents += 1
        self.entities += len(doc.ents)
        if self._tokens >= SHARD_TOKENS or len(self._bin) >= SHARD_DOCUMENTS:
            self._flush()

    def _flush(self) -> None:
        if not self._shards:
            shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir(parents=True)
        self._shards += 1
        self._bin.to_disk(self._part / f"{self._shards:04}.spacy")
        self._bin = _EntityDocBin()
        self._tokens = 0

    def finish(self) -> list[Path]:
        """Write what is left; the shards, which still lie beside `path`."""
        if len(self._bin) or not self._shards:
            self._flush()
        return sorted(self._part.glob("*.spacy"))

    def commit(self) -> None:
        """Put the finished shards at `path`, in the place of what was there."""
        shards = self.finish()
        if self.path.is_dir():
            shutil.rmtree(self.path)
        if len(shards) == 1:
            shards[0].replace(self.path)
            self._part.rmdir()
        else:
            self.path.unlink(missing_ok=True)
            self._part.replace(self.path)

    def discard(self) -> None:
        """Leave nothing behind; after `commit` this does nothing."""
        shutil.rmtree(self._part, ignore_errors=True)


class _EntityDocBin(DocBin):
    """A DocBin for Docs that have words, entities, sentence starts and user data, and nothing else.

    It writes what DocBin writes, in a tenth of the time: asking every token for the strings of all
    its attributes, and making a packer for each Doc, is what takes long there.
    """

    def __init__(self) -> None:
        super().__init__(attrs=_ATTRS, store_user_data=True)
        self._pack = Packer(use_bin_type=True).pack
        self._known: set[int] = set()
        self._flags = {known: {"has_unknown_spaces": not known} for known in (True, False)}
        self._no_cats: dict[str, float] = {}

    def add(self, doc: Doc) -> None:
        array = doc.to_array(list(self.attrs))
        self.tokens.append(array)
        self.spaces.append(doc.to_array(SPACY).astype(bool).reshape(-1, 1))
        self.flags.append(self._flags[not doc.has_unknown_spaces])
        new = set(array[:, 0].tolist()) - self._known
        new.update(ent.label for ent in doc.ents)
        self._known |= new
        self.strings.update([doc.vocab.strings[number] for number in new])
        self.cats.append(self._no_cats)
        self.span_groups.append(b"")
        self.user_data.append(self._pack(doc.user_data))
