"""Look for mistakes and monotony in a corpus of inline-labelled files.

usage: check_corpus.py FOLDER [--against FILE.conll ...]

Prints, for each form that is labelled in one place and bare in another, both places; the size of
each genre; and the type-token ratio and the share of repeated 5-grams, beside those of other
corpora. Forms of the starter corpus whose bare use is right are listed with the reason in
assets/agreement/bare_forms.tsv and left out.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import spacy
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from wasabi import msg

from spacy_bert_ner.data.reading import read_docs

SAMPLE = 50_000  # words over which corpora of different size are compared
REASONS = Path(__file__).resolve().parent.parent / "assets" / "agreement" / "bare_forms.tsv"


def read_all(given: Path) -> list[Doc]:
    return list(read_docs(given, spacy.blank("en")))


def bare_uses(docs: list[Doc]) -> dict[str, tuple[Counter[str], list[str]]]:
    """Forms with their labels, and the ids of documents where the form stands outside any entity."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    matcher = PhraseMatcher(docs[0].vocab)
    for doc in docs:
        for ent in doc.ents:
            labels[ent.text][ent.label_] += 1
    blank = spacy.blank("en", vocab=docs[0].vocab)
    matcher.add("form", list(blank.pipe(labels)))
    places: dict[str, list[str]] = defaultdict(list)
    for doc in docs:
        for _, start, end in matcher(doc):
            if not any(token.ent_type for token in doc[start:end]):
                places[doc[start:end].text].append(doc.user_data["id"])
    return {form: (labels[form], found) for form, found in sorted(places.items())}


def sizes(docs: list[Doc]) -> list[tuple[str, int, int, int, int, float]]:
    """Documents, sentences, whitespace words, entities, and entities per 100 words of each genre."""
    nlp = spacy.blank("en", vocab=docs[0].vocab)
    sentencizer = nlp.add_pipe("sentencizer")
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for doc in docs:
        n_sentences = sum(bool(s.text.strip()) for s in sentencizer(nlp.make_doc(doc.text)).sents)
        for name in (doc.user_data["genre"], "all"):
            totals[name].update(
                documents=1,
                sentences=n_sentences,
                words=len(doc.text.split()),
                entities=len(doc.ents),
            )
    return [(name, *n.values(), 100 * n["entities"] / n["words"]) for name, n in totals.items()]


def share_without_case(docs: list[Doc]) -> float:
    """Share of the words that stand in documents all lower case or all capitals."""
    words = Counter(_is_one_case(doc.text) for doc in docs for _ in doc.text.split())
    return words[True] / words.total()


def _is_one_case(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    upper = sum(char.isupper() for char in letters)
    # A stray capital, as in a name's abbreviation, does not make a mixed text.
    return bool(letters) and (upper <= 0.005 * len(letters) or upper >= 0.95 * len(letters))


def variety(docs: list[Doc]) -> tuple[int, float, float]:
    """Words, type-token ratio, and share of 5-grams that occur more than once in a sample."""
    words = [t.lower_ for doc in docs for t in doc if not t.is_space][:SAMPLE]
    grams = Counter(tuple(words[i : i + 5]) for i in range(len(words) - 4))
    repeated = sum(n for n in grams.values() if n > 1)
    return len(words), len(set(words)) / len(words), repeated / max(1, sum(grams.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--against", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    docs = read_all(args.folder)
    rows = REASONS.read_text(encoding="utf-8").splitlines()
    justified = {row.split("\t")[0] for row in rows if row.strip()}
    found = {f: places for f, places in bare_uses(docs).items() if f not in justified}
    for form, (labels, ids) in found.items():
        named = ", ".join(f"{label} {n}" for label, n in labels.most_common())
        print(f"{form}\t{named}\tbare in {', '.join(sorted(set(ids)))}")
    msg.info(
        f"{len(found)} forms labelled and bare, {len(justified)} more justified in {REASONS.name}"
    )
    genres = sorted(sizes(docs), key=lambda row: (row[0] == "all", row[0]))
    msg.table(
        [(*row[:-1], f"{row[-1]:.1f}") for row in genres],
        header=("genre", "documents", "sentences", "words", "entities", "per 100 words"),
        aligns=("l", "r", "r", "r", "r", "r"),
        divider=True,
    )
    print(f"{100 * share_without_case(docs):.0f} % of the words are in documents of one case")
    rows = [(args.folder.name, *variety(docs))]
    rows += [(path.parent.name, *variety(read_all(path))) for path in args.against]
    msg.table(
        [
            (name, words, f"{ratio:.3f}", f"{100 * share:.2f} %")
            for name, words, ratio, share in rows
        ],
        header=("corpus", "words", "type-token ratio", "5-grams repeated"),
        aligns=("l", "r", "r", "r"),
        divider=True,
    )


if __name__ == "__main__":
    main()
