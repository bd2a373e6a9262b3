"""The scripts that print the README's figures."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import agreement
import check_corpus
import confidence_intervals
import evaluate_mapped
import learning_curve

STARTER = ROOT / "assets" / "starter"


def doc(words, ents, vocab):
    return Doc(vocab, words=words.split(), ents=ents.split())


@pytest.fixture
def ruler():
    """A pipeline that finds Ada, Oulu and Paris, the last with a label nobody asks for."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns(
        [{"label": "PERSON", "pattern": "Ada"}, {"label": "GPE", "pattern": "Oulu"},
         {"label": "LOC", "pattern": "Oulu Lake"}, {"label": "EVENT", "pattern": "Paris"}]
    )  # fmt: skip
    return nlp


def test_mapped_score(ruler):
    gold = [
        doc("Ada met Bo in Oulu", "B-PER O B-PER O B-LOC", ruler.vocab),
        doc("Paris and Oulu Lake", "B-LOC O B-LOC I-LOC", ruler.vocab),
        doc("Oulu Games", "B-MISC I-MISC", ruler.vocab),
    ]
    scores = evaluate_mapped.score(ruler, gold, {"PERSON": "PER", "GPE": "LOC", "LOC": "LOC"})
    assert scores["ents_per_type"]["PER"] == {"p": 1.0, "r": 0.5, "f": pytest.approx(2 / 3)}
    assert scores["ents_per_type"]["LOC"]["p"] == pytest.approx(2 / 3)
    assert scores["ents_per_type"]["LOC"]["r"] == pytest.approx(2 / 3)
    assert set(scores["ents_per_type"]) == {"PER", "LOC"}


def test_counts_for_confidence_intervals(ruler, tmp_path):
    docs = [doc("Ada met Bo", "B-PERSON O B-PERSON", ruler.vocab), doc("Oulu", "O", ruler.vocab)]
    DocBin(docs=docs).to_disk(tmp_path / "gold.spacy")
    labels, counts = confidence_intervals.counts_by_document(ruler, tmp_path / "gold.spacy")
    assert labels == ["GPE", "PERSON"]
    assert counts.tolist() == [[[0, 0, 0], [1, 1, 2]], [[0, 1, 0], [0, 0, 0]]]
    figures = confidence_intervals.precision_recall_f1(counts.sum(axis=0))
    np.testing.assert_allclose(figures, [[0, 0, 0], [1, 0.5, 2 / 3]])


def test_shares_of_the_training_documents_are_nested(tmp_path):
    vocab = spacy.blank("en").vocab
    DocBin(docs=[Doc(vocab, words=[f"w{i}"] * 2) for i in range(8)]).to_disk(
        tmp_path / "train.spacy"
    )
    chosen = []
    for share, expected in ((0.25, (2, 4)), (0.5, (4, 8)), (1.0, (8, 16))):
        target = tmp_path / "share.spacy"
        assert learning_curve.take_share(tmp_path, share, 0, target) == expected
        chosen.append({d.text for d in DocBin().from_disk(target).get_docs(vocab)})
    assert chosen[0] < chosen[1] < chosen[2]


def test_starter_corpus_is_consistent_and_large_enough():
    """What its README promises, on the files as they are."""
    docs = check_corpus.read_all(STARTER)
    mentions = Counter(ent.label_ for d in docs for ent in d.ents)
    assert set(mentions) == set((STARTER / "labels.txt").read_text().split())
    assert min(mentions.values()) >= 200
    assert min(mentions[label] for label in ("PERSON", "ORG", "GPE")) >= 900
    assert len({d.user_data["genre"] for d in docs}) == 21
    assert len({d.user_data["id"] for d in docs}) == len(docs) == 777
    reasons = check_corpus.REASONS.read_text(encoding="utf-8").splitlines()
    justified = {line.split("\t")[0] for line in reasons}
    assert set(check_corpus.bare_uses(docs)) == justified


def test_agreement_files_fit_the_corpus():
    first, second = (
        agreement.read(agreement.FOLDER / f"{name}.jsonl") for name in ("first", "second")
    )
    docs = check_corpus.read_all(STARTER)
    lengths = {d.user_data["id"]: len(d.text) for d in docs}
    for spans in (first, second):
        assert {span[0] for span in spans} <= set(lengths)
        assert all(start < end <= lengths[name] for name, start, end, _ in spans)
    assert 2 * len(first & second) / (len(first) + len(second)) == pytest.approx(0.972, abs=5e-4)
