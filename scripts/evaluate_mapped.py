"""Score a pipeline on a corpus with other labels, entity by entity.

usage: evaluate_mapped.py PIPELINE FILE.conll [--map PERSON=PER GPE=LOC ...]

Labels without a mapping are dropped from the predictions; labels that no mapping leads to are
dropped from the gold annotation. The pipeline tags the corpus' own tokens, sentence by sentence.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from wasabi import msg

from spacy_bert_ner.data.reading import read_docs

DEFAULT_MAP = ("PERSON=PER", "ORG=ORG", "GPE=LOC", "LOC=LOC")


def relabel(doc: Doc, new_label: Callable[[str], str | None]) -> None:
    """Rename the entities of a Doc; those without a new label are dropped."""
    named = ((ent, new_label(ent.label_)) for ent in doc.ents)
    doc.set_ents([Span(doc, ent.start, ent.end, label=label) for ent, label in named if label])


def score(nlp: spacy.Language, gold: Iterable[Doc], mapping: dict[str, str]) -> dict:
    kept = set(mapping.values())
    references = list(gold)
    for reference in references:
        relabel(reference, lambda label: label if label in kept else None)
    bare = (
        Doc(nlp.vocab, [t.text for t in d], [bool(t.whitespace_) for t in d]) for d in references
    )
    examples = []
    for predicted, reference in zip(nlp.pipe(bare), references):
        relabel(predicted, mapping.get)
        examples.append(Example(predicted, reference))
    return spacy.scorer.get_ner_prf(examples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pipeline")
    parser.add_argument("file", type=Path)
    parser.add_argument("--map", nargs="*", default=DEFAULT_MAP, metavar="OURS=THEIRS")
    args = parser.parse_args()
    mapping = dict(pair.split("=", 1) for pair in args.map)
    nlp = spacy.load(args.pipeline)
    scores = score(nlp, read_docs(args.file, nlp), mapping)
    rows = [(label, scores["ents_per_type"][label]) for label in sorted(scores["ents_per_type"])]
    rows.append(("all", {key: scores[f"ents_{key}"] for key in "prf"}))
    msg.table(
        [(label, *(f"{100 * figures[key]:.1f}" for key in "prf")) for label, figures in rows],
        header=("label", "P", "R", "F"),
        aligns=("l", "r", "r", "r"),
        divider=True,
    )


if __name__ == "__main__":
    main()
