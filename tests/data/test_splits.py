import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.splits import assign, folds, key_of

SHARES = {"train": 0.7, "dev": 0.15, "test": 0.15}
WORDS = [a + b for a in "abcdefghijklmnop" for b in "qrstuvwxyzaeiou"]


def record(text, labels=(), **meta):
    return Record(text, [EntitySpan(0, 1, label) for label in labels], Place("f"), meta=meta)


def corpus(n, seed=0):
    """Documents of random words; label RARE in one of twenty, COMMON in half of them."""
    rng = random.Random(seed)
    out = []
    for i in range(n):
        labels = ["RARE"] * (i % 20 == 0) + ["COMMON"] * rng.choice([0, 0, 1, 3])
        out.append(record(" ".join(rng.choices(WORDS, k=12)), labels, genre="ab"[i % 3 == 0]))
    return out


def test_shares_of_documents_labels_and_genres():
    records = corpus(400)
    splits = assign([key_of(r) for r in records], SHARES)
    assert Counter(splits) == {"train": 280, "dev": 60, "test": 60}
    rare = Counter(s for s, r in zip(splits, records) for e in r.spans if e.label == "RARE")
    assert rare == {"train": 14, "dev": 3, "test": 3}
    common = Counter(s for s, r in zip(splits, records) for e in r.spans if e.label == "COMMON")
    total = common.total()
    assert all(abs(common[name] - share * total) <= 0.01 * total for name, share in SHARES.items())
    genre = Counter(s for s, r in zip(splits, records) if r.meta["genre"] == "b")
    assert all(abs(genre[name] - share * genre.total()) <= 3 for name, share in SHARES.items())


def test_the_order_of_documents_does_not_matter_and_the_seed_does():
    records = corpus(100)
    splits = dict(zip((r.text for r in records), assign([key_of(r) for r in records], SHARES)))
    shuffled = random.Random(1).sample(records, len(records))
    again = dict(zip((r.text for r in shuffled), assign([key_of(r) for r in shuffled], SHARES)))
    assert splits == again
    other = assign([key_of(r) for r in records], SHARES, seed=1)
    assert other != list(splits.values())


def test_near_duplicates_stay_together():
    records = corpus(60)
    copies = [record(f"{r.text.upper()}!", ["COMMON"]) for r in records]
    splits = assign([key_of(r) for r in records + copies], SHARES)
    assert splits[:60] == splits[60:]
    assert set(splits) == set(SHARES)


def test_sentences_of_a_document_and_members_of_a_group_stay_together():
    records = [
        record(r.text, ["X"], document=str(i // 4), author=str(i // 8))
        for i, r in enumerate(corpus(80))
    ]
    splits = assign([key_of(r) for r in records], SHARES)
    assert all(len(set(splits[i : i + 4])) == 1 for i in range(0, 80, 4))
    splits = assign([key_of(r, group="author") for r in records], SHARES)
    assert all(len(set(splits[i : i + 8])) == 1 for i in range(0, 80, 8))


def test_a_document_without_a_group_is_named():
    with pytest.raises(DataError, match="f: document 'd7' has no 'author' to group by. It has: id"):
        key_of(record("text", id="d7"), group="author")


def test_few_documents_fill_every_split_or_none():
    records = corpus(3)
    assert sorted(assign([key_of(r) for r in records], SHARES)) == ["dev", "test", "train"]
    with pytest.raises(
        DataError, match="2 documents, .* leave 1 to divide, cannot fill train, dev"
    ):
        assign([key_of(records[0])] * 2, {"train": 0.5, "dev": 0.5})
    assert assign([key_of(records[0])], {"train": 1.0, "dev": 0.0}) == ["train"]


@given(st.integers(2, 6), st.integers(0, 5), st.integers(10, 40))
@settings(deadline=None, max_examples=30)
def test_folds_are_disjoint_complete_and_of_equal_size(k, seed, n):
    held_out = folds([key_of(r) for r in corpus(n, seed)], k, seed)
    assert len(held_out) == n
    sizes = Counter(held_out)
    assert set(sizes) == set(range(k))
    assert max(sizes.values()) - min(sizes.values()) <= 1 + k // 2


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["", "A", "B"])), min_size=3, max_size=40
    ),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=100)
def test_every_document_has_one_split_and_groups_are_never_torn(members, seed):
    rng = random.Random(seed)
    keys = [
        key_of(record(" ".join(rng.choices(WORDS, k=12)), [label] * bool(label), g=str(g)), "g")
        for g, label in members
    ]
    shares = {"train": 0.8, "test": 0.2}
    if len({g for g, _ in members}) < 2:
        with pytest.raises(DataError):
            assign(keys, shares, seed)
        return
    splits = assign(keys, shares, seed)
    assert len(splits) == len(keys)
    assert set(splits) == set(shares)
    of_group = {}
    for (g, _), split in zip(members, splits):
        assert of_group.setdefault(g, split) == split
