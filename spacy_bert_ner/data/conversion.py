"""Annotation files to DocBins: every span goes in, or to the rejects, and all is counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from spacy.language import Language

from .alignment import align
from .docbins import DocBinWriter
from .formats import Format, ReadOptions
from .formats.docbin import FORMAT as DOCBIN
from .reading import Reading
from .records import DataError, Record
from .rejects import RejectsWriter
from .sources import SPLITS, Source
from .splits import DocumentKey, assign, folds, key_of
from .summary import Summary

REJECTS_FILE = "rejects.jsonl"
SUMMARY_FILE = "conversion.json"
# Records whose strings are in memory at the same time.
_BATCH = 50_000

# Told what is done and how many bytes it takes; its context gives the function to call with bytes.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]


class TooMuchLost(DataError):
    """More spans were rejected than the user allows."""


@dataclass
class Placing:
    """Which files each document goes to.

    assign: from the keys of all documents, in their order, to the names (below the output folder,
        without ending) of each one's files.
    names: all files there are to be.
    group: a key of `Record.meta`; documents with the same value stay together.
    always: place documents so even if the data says their split.
    """

    assign: Callable[[Sequence[DocumentKey]], list[tuple[str, ...]]]
    names: tuple[str, ...]
    group: str = ""
    always: bool = False

    def whatever_they_say(self) -> Placing:
        """The same for documents that say their split too."""
        return replace(self, always=True)


def into_splits(dev: float = 0.15, test: float = 0.15, group: str = "", seed: int = 0) -> Placing:
    """Train, dev and test, for data that does not say its splits (`assign` tells how)."""
    if dev + test >= 1:
        raise DataError(
            "split", f"dev {dev:g} and test {test:g} leave nothing for train", "Take less"
        )
    shares = {"train": 1 - dev - test, "dev": dev, "test": test}
    names = tuple(name for name, share in shares.items() if share)
    return Placing(lambda keys: [(name,) for name in assign(keys, shares, seed)], names, group)


def into_folds(n: int, group: str = "", seed: int = 0) -> Placing:
    """Each document in the dev split of one of n folds and in the train split of the others.

    Raises DataError for fewer than two folds.
    """
    if n < 2:
        raise DataError("--folds", f"{n} is not a number of folds", "Take two or more")

    def place(keys: Sequence[DocumentKey]) -> list[tuple[str, ...]]:
        return [
            tuple(f"fold-{i + 1}/{'dev' if i == held_out else 'train'}" for i in range(n))
            for held_out in folds(keys, n, seed)
        ]

    names = tuple(f"fold-{i + 1}/{name}" for i in range(n) for name in ("train", "dev"))
    return Placing(place, names, group)


def convert(
    reading: Reading,
    output: Path,
    nlp: Language,
    *,
    placing: Placing | None = None,
    policy: str = "strict",
    to: Format = DOCBIN,
    max_loss: float = 100.0,
    progress: Progress | None = None,
) -> Summary:
    """Convert what `reading` reads to one file, or to a folder with a file for each split.

    output: a file if it has an ending, else a folder. Beside a file, or in the folder, the rejects
        are listed (`rejects.jsonl`); a folder also gets `conversion.json`, the Summary.
    nlp: its tokenizer makes the tokens of formats that have none.
    placing: where documents go in a folder; default `into_splits()`.
    policy: see `align`.
    to: format of the files written.
    max_loss: percent of spans that may be rejected.

    Files appear, and replace older ones, when everything else is done. Memory does not grow with
    the data but for a key of each document where documents are placed.
    Raises DataError for what cannot be used, and TooMuchLost, after writing the rejects.
    """
    conversion = _Conversion(reading, output, nlp, policy, to, progress or _silent)
    try:
        return conversion.run(placing or into_splits(), max_loss)
    finally:
        conversion.discard()


def _silent(what: str, size: int) -> AbstractContextManager[Callable[[int], object]]:
    return nullcontext(lambda count: None)


class _Conversion:
    def __init__(
        self,
        reading: Reading,
        output: Path,
        nlp: Language,
        policy: str,
        to: Format,
        progress: Progress,
    ) -> None:
        self.reading = reading
        self.output = output
        self.nlp = nlp
        self.policy = policy
        self.to = to
        self.progress = progress
        self.single = bool(output.suffix)
        rejects = Path(
            f"{output.with_suffix('')}.{REJECTS_FILE}" if self.single else output / REJECTS_FILE
        )
        self.rejects = RejectsWriter(rejects)
        self.writers: dict[str, DocBinWriter] = {}
        self.exports: list[tuple[Path, Path]] = []
        self.summary = Summary()
        self.made_folder = not self.single and not output.exists()

    def run(self, placing: Placing, max_loss: float) -> Summary:
        # Everything that can go wrong goes wrong before a file of the output is touched.
        targets = self._targets(placing)
        with self.progress("Converting", self.reading.size) as advance:
            self._write(targets, advance)
        self._finish_summary()
        self._check(max_loss, placing.names if targets else SPLITS)
        for name, writer in self.writers.items():
            shards = writer.finish()
            if self.to is not DOCBIN:
                self.exports.append(self._export(name, shards))
        self._commit()
        return self.summary

    def discard(self) -> None:
        for writer in self.writers.values():
            writer.discard()
        for part, _ in self.exports:
            part.unlink(missing_ok=True)
        self.rejects.discard()
        if self.made_folder and self.output.is_dir():
            for folder in sorted(self.output.rglob("*"), reverse=True):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            if not any(self.output.iterdir()):
                self.output.rmdir()

    def _targets(self, placing: Placing) -> Iterator[tuple[str, ...]] | None:
        """The names of each document's files, in order; None where its split says so."""
        if self.single:
            return _forever((self.output.stem,))
        if not placing.always and self.reading.split_by_name():
            return None
        keys, declared = [], 0
        with self.progress("Reading", self.reading.size) as advance:
            for record in self.reading.records(advance):
                keys.append(key_of(record, group=placing.group))
                declared += record.meta.get("split") in SPLITS
        if declared == len(keys) and keys and not placing.always:
            return None
        if declared and not placing.always:
            raise DataError(
                self.reading.given,
                f"{declared} of {len(keys)} documents say their split and the others do not",
                "Give every document one, or none; 'spacy bert-ner split' splits them anew",
            )
        if not keys:
            raise DataError(self.reading.given, "no document in it", "Give files with documents")
        return iter(placing.assign(keys))

    def _write(self, targets: Iterator[tuple[str, ...]] | None, advance: Callable) -> None:
        records = self.reading.records(advance)
        while batch := list(islice(records, _BATCH)):
            # Words of a batch leave the vocabulary with it.
            with self.nlp.memory_zone():
                for record in batch:
                    names = next(targets) if targets else (record.meta["split"],)
                    self._add(record, names)

    def _add(self, record: Record, names: tuple[str, ...]) -> None:
        aligned = align(record, self.nlp, self.policy)
        summary = self.summary
        summary.documents += 1
        summary.spans += len(record.spans)
        for reject in aligned.rejects:
            summary.rejected[reject.reason] += 1
            self.rejects.add(reject)
        summary.documents_with_rejects += bool(aligned.rejects)
        summary.snapped += len(aligned.snapped)
        for span, text in aligned.snapped:
            was = record.text[span.start : span.end]
            summary.findings.add(
                "snapped", record.place_of(span), f"{was!r} ({span.label}) became {text!r}"
            )
        for span in aligned.duplicates:
            summary.findings.add(
                "duplicate-span",
                record.place_of(span),
                f"{record.text[span.start : span.end]!r} ({span.label}) is annotated twice",
            )
        for name in names:
            self._writer(name).add(aligned.doc)

    def _writer(self, name: str) -> DocBinWriter:
        if name not in self.writers:
            path = self.output if self.single else self.output / name
            self.writers[name] = DocBinWriter(path.with_suffix(".spacy"))
        return self.writers[name]

    def _finish_summary(self) -> None:
        summary, reading = self.summary, self.reading
        # Splits in their usual order, others by name.
        known = {name: i for i, name in enumerate(SPLITS)}
        self.writers = dict(
            sorted(self.writers.items(), key=lambda item: (known.get(item[0], 9), item[0]))
        )
        summary.findings.update(reading.findings)
        summary.removed = reading.removed
        summary.dropped = reading.labels.dropped.copy()
        summary.unseen_labels = reading.labels.unseen()
        summary.formats = {source.name: form.title for source, form in reading.sources}
        summary.left_alone = reading.left_alone
        summary.rejects_file = str(self.rejects.path) if self.rejects.count else ""
        summary.written = {
            str(self._final(writer)): (writer.documents, writer.entities)
            for writer in self.writers.values()
        }

    def _final(self, writer: DocBinWriter) -> Path:
        if self.to is DOCBIN:
            return writer.path
        return self.output if self.single else writer.path.with_suffix(self.to.endings[0])

    def _check(self, max_loss: float, names: Sequence[str]) -> None:
        summary, given = self.summary, self.reading.given
        if not summary.documents:
            raise DataError(given, "no document in it", "Give files with documents")
        if not self.single:
            self._check_splits(names)
        if summary.loss > max_loss:
            self.rejects.commit()
            raise TooMuchLost(
                given,
                f"{summary.rejected.total()} of {summary.spans} spans ({summary.loss:.2f} %) cannot "
                f"become entities, and --max-loss allows {max_loss:g} %; first: {self.rejects.first}",
                f"All are listed in {self.rejects.path}. Mend the data, give the file back with "
                "--corrections, or choose another --align",
            )

    def _check_splits(self, names: Sequence[str]) -> None:
        given = self.reading.given
        missing = [name for name in names if name not in self.writers]
        if missing:
            raise DataError(
                given,
                f"there is no document for {' and '.join(missing)}",
                "Give files for train, dev and test, or split what there is with "
                "'spacy bert-ner split'; one output file, as in out.spacy, takes anything",
            )
        for name, writer in self.writers.items():
            if not writer.entities:
                raise DataError(
                    given,
                    f"no document of the {name} split has an entity",
                    "Check the annotations and the labels that are kept",
                )

    def _export(self, name: str, shards: list[Path]) -> tuple[Path, Path]:
        """Write the Docs of a finished writer in another format, beside its place."""
        assert self.to.write is not None
        final = self._final(self.writers[name])
        part = final.with_name(f".{final.name}.part")
        source = Source(shards[0].parent, final.name)
        with part.open("w", encoding="utf-8", newline="") as file:
            self.to.write(self._whole(DOCBIN.read(source, ReadOptions())), file)
        return part, final

    def _whole(self, records: Iterator[Record]) -> Iterator[Record]:
        """The Records, noting what only a DocBin can say: that it is not known what a token is."""
        for record in records:
            if record.missing:
                start, end = record.missing[0]
                detail = (
                    f"tokens of unknown annotation, as {record.text[start:end]!r}, count as outside"
                )
                self.summary.findings.add("missing-annotation", record.place, detail)
            yield record

    def _commit(self) -> None:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.rejects.commit()
        for part, final in self.exports:
            part.replace(final)
        if self.to is DOCBIN:
            for writer in self.writers.values():
                writer.commit()
        if not self.single:
            summary = self.output / SUMMARY_FILE
            part = summary.with_name(f".{SUMMARY_FILE}.part")
            text = json.dumps(self.summary.to_json(), indent=2, ensure_ascii=False)
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(summary)


def _forever(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    while True:
        yield names
