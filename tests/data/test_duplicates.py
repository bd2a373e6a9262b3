import random
import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bert_ner.data.duplicates import MIN_WORDS, SIMILARITY, near_duplicates, signature

TEXT = "The council of Oulu voted on Monday to close the old bridge over the river until spring"


def duplicates(texts):
    return near_duplicates([signature(text) for text in texts])


def test_equal_but_for_case_digits_and_punctuation():
    texts = [TEXT + " 2019.", "Something else entirely happened here today", TEXT.upper() + " 2024"]
    assert duplicates(texts) == [[0, 2]]


def test_a_changed_word_in_a_long_text():
    changed = TEXT.replace("Monday", "Friday")
    assert duplicates([TEXT, changed]) == [[0, 1]]


def test_half_of_the_text_changed():
    half = "The council of Oulu voted on Monday to sell a new school in Tampere before next winter"
    assert duplicates([TEXT, half]) == []


def test_short_texts_are_never_duplicates():
    assert duplicates(["Thank you .", "Thank you ."]) == []
    assert signature("one two three four") == b""
    assert duplicates(["one two three four five"] * 2) == [[0, 1]]


def test_text_without_spaces():
    assert duplicates(
        ["奥卢市议会周一投票决定关闭旧桥", "别的", "奥卢市议会周一投票决定关闭旧桥。"]
    ) == [[0, 2]]


def test_vowel_signs_do_not_cut_words():
    assert signature("बहुत बहुत धन्यवाद महोदय") == b""
    assert duplicates(["बैठक सोमवार को ओउलू में होगी", "बैठक सोमवार को ओउलू में होगी।"]) == [[0, 1]]


def test_many_versions_of_a_text_are_one_cluster():
    rng = random.Random(0)
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(600)]
    text = rng.choices(words, k=30)
    versions = []
    for _ in range(200):
        version = text.copy()
        version[rng.randrange(30)] = rng.choice(words)
        version[rng.randrange(30)] = rng.choice(words)
        versions.append(" ".join(version))
    clusters = duplicates(versions)
    # What is left out has no version that is like it enough.
    alike = _alike(versions)
    assert [len(cluster) for cluster in clusters] == [sum(any(row) for row in alike)]
    again = duplicates(reversed(versions))
    assert [sorted(199 - i for i in cluster) for cluster in again] == clusters


def _alike(texts):
    """For each text and each other whether they are near duplicates, compared one by one."""
    hashes = np.array([np.frombuffer(signature(text), dtype=np.uint16) for text in texts])
    bands = hashes.view(np.uint64)
    return [
        [
            i != j and (one == other).mean() >= SIMILARITY and (bands[i] == bands[j]).any()
            for j, other in enumerate(hashes)
        ]
        for i, one in enumerate(hashes)
    ]


def test_a_book_needs_little_memory():
    text = " ".join(
        str(i).translate(str.maketrans("0123456789", "abcdefghij")) for i in range(100_000)
    )
    tracemalloc.start()
    signature(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000


def test_planted_duplicates_among_many():
    random.seed(0)
    words = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(600)]
    texts = [" ".join(random.choices(words, k=30)) for _ in range(2000)]
    planted = {}
    for i in range(0, 2000, 100):
        copy = texts[i].split()
        copy[15] = "changed"
        texts.append(" ".join(copy))
        planted[i] = len(texts) - 1
    found = duplicates(texts)
    assert found == [[i, j] for i, j in planted.items()]


@given(st.lists(st.text(max_size=60), max_size=12))
@settings(deadline=None)
def test_clusters_are_disjoint_and_of_two_or_more(texts):
    clusters = duplicates(texts * 2)
    members = [i for cluster in clusters for i in cluster]
    assert len(members) == len(set(members))
    assert all(len(cluster) > 1 for cluster in clusters)
    long_enough = [i for i, text in enumerate(texts) if signature(text)]
    assert {i for i in members if i < len(texts)} == set(long_enough)
    assert MIN_WORDS == 5
