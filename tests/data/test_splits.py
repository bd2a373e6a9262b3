import random
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bert_ner.data.duplicates import near_duplicates, signature
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


def text_of(rng):
    return " ".join(rng.choices(WORDS, k=12))


def test_documents_with_a_short_sentence_in_common_are_divided_alike_in_any_order():
    rng = random.Random(0)
    records = []
    for i in range(30):
        records.append(record("Thank you .", document=str(i)))
        for _ in range(rng.randint(1, 4)):
            labels = rng.choices("ABC", k=rng.choice([0, 1, 2]))
            records.append(record(text_of(rng), labels, document=str(i)))

    def divided(records):
        splits = assign([key_of(r) for r in records], SHARES)
        return {r.meta["document"]: split for r, split in zip(records, splits)}

    assert set(divided(records).values()) == set(SHARES)
    for seed in range(5):
        assert divided(random.Random(seed).sample(records, len(records))) == divided(records)


@given(st.integers(0, 1000), st.integers(3, 40))
@settings(deadline=None, max_examples=50)
def test_equal_short_texts_with_other_labels_are_divided_alike_in_any_order(seed, n):
    rng = random.Random(seed)
    records = [record("Yes .", rng.choices("ABC", k=2)) for _ in range(n)]

    def divided(records):
        keys = [key_of(r) for r in records]
        return Counter((key.strata, split) for key, split in zip(keys, assign(keys, SHARES)))

    assert divided(rng.sample(records, n)) == divided(records)


@pytest.mark.parametrize("shares", [SHARES, {"train": 0.2, "dev": 0.4, "test": 0.4}])
@pytest.mark.parametrize("seed", range(3))
def test_a_group_larger_than_every_share_goes_to_train(shares, seed):
    rng = random.Random(seed)
    # The label would have it elsewhere: most of its mentions are in a document of their own.
    records = [record(text_of(rng), ["RARE"] * (i == 0), g="big") for i in range(80)]
    records += [record(text_of(rng), ["RARE"] * 10 * (i == 0), g=str(i)) for i in range(20)]
    splits = assign([key_of(r, "g") for r in records], shares, seed)
    assert splits[:80] == ["train"] * 80
    assert set(splits[80:]) >= {"dev", "test"}


def test_groups_that_are_genres_do_not_crowd_into_train():
    rng = random.Random(0)
    genres = ["news"] * 250 + [f"g{i % 15}" for i in range(450)]
    records = [record(text_of(rng), rng.choices("AB", k=2), genre=genre) for genre in genres]
    splits = assign([key_of(r, "genre") for r in records], SHARES)
    assert set(splits[:250]) == {"train"}
    assert Counter(splits) == {"train": 490, "dev": 120, "test": 90}


def test_shares_of_documents_of_many_sentences():
    rng = random.Random(0)
    records = [
        record(text_of(rng), rng.choices("ABCD", [8, 4, 2, 1], k=rng.choice([0, 1, 3])), document=d)
        for d in map(str, range(200))
        for _ in range(10)
    ]
    splits = assign([key_of(r) for r in records], SHARES)
    assert Counter(splits) == {"train": 1400, "dev": 300, "test": 300}
    for label in "ABCD":
        mentions = Counter(s for s, r in zip(splits, records) for e in r.spans if e.label == label)
        total = mentions.total()
        assert all(abs(mentions[s] - share * total) <= 0.03 * total for s, share in SHARES.items())


def test_every_split_has_each_rare_label_where_chance_leaves_some_out():
    def left_out(splits):
        has = {(s, e.label) for s, r in zip(splits, records) for e in r.spans}
        return [(name, label) for name in SHARES for label in rare if (name, label) not in has]

    rare = [f"RARE{i}" for i in range(10)]
    records = corpus(300)
    for i, label in enumerate(rare):
        for j in range(3):
            records[30 * i + 7 * j].spans.append(EntitySpan(1, 2, label))
    assert left_out(assign([key_of(r) for r in records], SHARES)) == []
    rng = random.Random(0)
    assert len(left_out(rng.choices(list(SHARES), list(SHARES.values()), k=300))) == 13


def test_a_label_of_one_mention_is_for_training():
    records = corpus(100)
    for i in range(20):
        records[5 * i].spans.append(EntitySpan(1, 2, f"ONCE{i}"))
    splits = assign([key_of(r) for r in records], SHARES)
    assert {splits[5 * i] for i in range(20)} == {"train"}


@pytest.mark.parametrize("n", range(3, 8))
def test_every_split_gets_some_of_few_documents(n):
    for seed in range(20):
        sizes = Counter(assign([key_of(r) for r in corpus(n, seed)], SHARES, seed))
        assert set(sizes) == set(SHARES)
        assert sizes["train"] == max(sizes.values())


@given(st.lists(st.integers(0, 15), min_size=12, max_size=40), st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_near_duplicates_are_never_in_two_splits_or_folds(originals, seed):
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=30)) for _ in range(16)]
    records = [record(text_of(rng)) for _ in range(4)]
    for i in originals:
        words = texts[i].split()
        words[rng.randrange(30)] = "changed"
        records.append(record(" ".join(words), ["X"]))
    keys = [key_of(r) for r in records]
    for divided in (assign(keys, SHARES, seed), folds(keys, 3, seed)):
        assert len(divided) == len(records)
        for cluster in near_duplicates([signature(r.text) for r in records]):
            assert len({divided[i] for i in cluster}) == 1


def test_folds_are_alike_in_labels_and_do_not_tear_documents():
    records = [
        record(r.text, [e.label for e in r.spans], document=str(i // 2))
        for i, r in enumerate(corpus(400))
    ]
    held_out = folds([key_of(r) for r in records], 5)
    assert held_out[::2] == held_out[1::2]
    assert Counter(held_out) == dict.fromkeys(range(5), 80)
    rare = Counter(f for f, r in zip(held_out, records) for e in r.spans if e.label == "RARE")
    assert rare == dict.fromkeys(range(5), 4)


def test_a_key_takes_less_than_300_bytes():
    records = [
        record(r.text, [e.label for e in r.spans], document=str(i // 10))
        for i, r in enumerate(corpus(40_000))
    ]
    for r in records[:20_000]:
        key_of(r)
    tracemalloc.start()
    keys = [key_of(r) for r in records[20_000:]]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(keys) < 300
