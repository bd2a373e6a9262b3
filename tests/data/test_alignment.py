"""From Records to Docs: no annotated span vanishes."""

import string

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bert_ner.data.alignment import POLICIES, align, complete_words
from spacy_bert_ner.data.records import EntitySpan, Place, Record

NLP = spacy.blank("en")
TEXT = "The U.S.-based firm Acme-Corp paid.\n\nOulu won"


def record(*spans, text=TEXT, **kwargs):
    found = [
        EntitySpan(text.index(part), text.index(part) + len(part), label) for part, label in spans
    ]
    return Record(text, found, Place("f.jsonl", 3), meta={"id": "d1"}, **kwargs)


def ents(aligned):
    return [(ent.text, ent.label_) for ent in aligned.doc.ents]


def test_whole_tokens_become_entities_and_everything_else_is_annotated_as_outside():
    aligned = align(record(("Oulu", "GPE"), ("Acme-Corp", "ORG")), NLP)
    assert ents(aligned) == [("Acme-Corp", "ORG"), ("Oulu", "GPE")]
    assert not aligned.rejects
    assert aligned.doc.text == TEXT
    assert aligned.doc.user_data == {"id": "d1", "source": "f.jsonl:3"}
    assert all(token.ent_iob for token in aligned.doc)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("strict", []),
        ("contract", ["-Corp"]),
        ("expand", ["Acme-Corp"]),
        ("retokenize", ["e-Corp"]),
    ],
)
def test_policies_for_a_span_that_cuts_a_token(policy, expected):
    aligned = align(record(("e-Corp", "ORG")), NLP, policy)
    assert [ent.text for ent in aligned.doc.ents] == expected
    assert len(aligned.rejects) == (policy == "strict")
    assert [text for _, text in aligned.snapped] == (
        expected if policy in ("contract", "expand") else []
    )
    assert aligned.doc.text == TEXT


def test_a_reject_says_where_why_and_what_instead():
    (reject,) = align(record(("e-Corp", "ORG")), NLP).rejects
    assert str(reject) == (
        "f.jsonl:3: 'e-Corp' (ORG) is not a whole number of tokens; proposed: 'Acme-Corp'"
    )
    assert reject.context == "The U.S.-based firm Acm⟦e-Corp⟧ paid.\n\nOulu won"
    assert reject.document == "d1"


def test_tokens_of_a_reject_have_missing_annotation():
    doc = align(record(("e-Corp", "ORG"), ("Oulu", "GPE")), NLP).doc
    assert [token.text for token in doc if token.ent_iob == 0] == ["Acme", "-", "Corp"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (EntitySpan(-3, 4, "X"), "outside-text"),
        (EntitySpan(0, 99, "X"), "outside-text"),
        (EntitySpan(9, 4, "X"), "outside-text"),
        (EntitySpan(4, 4, "X"), "empty"),
        (EntitySpan(35, 37, "X"), "only-space"),
        (EntitySpan(4, 19, "X", ((4, 8), (15, 19))), "discontinuous"),
    ],
)
def test_spans_that_no_policy_can_use(span, reason, policy):
    aligned = align(Record(TEXT, [span], Place("f")), NLP, policy)
    assert [reject.reason for reject in aligned.rejects] == [reason]
    assert not aligned.doc.ents


def test_of_overlapping_spans_the_longest_stays():
    spans = [("firm", "A"), ("firm Acme-Corp", "B"), ("Acme-Corp paid", "C"), ("Oulu", "D")]
    aligned = align(record(*spans), NLP)
    assert ents(aligned) == [("firm Acme-Corp", "B"), ("Oulu", "D")]
    assert sorted((r.text, r.reason) for r in aligned.rejects) == [
        ("Acme-Corp paid", "overlaps"), ("firm", "nested"),
    ]  # fmt: skip
    assert [t.text for t in aligned.doc if t.ent_iob == 0] == ["paid"]


def test_a_repeated_span_is_one_entity():
    aligned = align(record(("Oulu", "GPE"), ("Oulu", "GPE"), ("Oulu", "ORG")), NLP)
    assert ents(aligned) == [("Oulu", "GPE")]
    assert aligned.duplicates == [EntitySpan(37, 41, "GPE")]
    assert [r.span.label for r in aligned.rejects] == ["ORG"]


@pytest.mark.parametrize("part", ["\n\nOulu", "\nOulu"])
def test_space_at_the_edge(part):
    (reject,) = align(record((part, "GPE")), NLP).rejects
    assert reject.reason == "space-at-edge"
    assert reject.proposal_text == "Oulu"
    for policy in ("contract", "expand", "retokenize"):
        assert ents(align(record((part, "GPE")), NLP, policy)) == [("Oulu", "GPE")]


def test_words_with_known_spaces():
    words = [(0, 3), (4, 9), (9, 10)]
    aligned = align(Record("Ada co-op.", [EntitySpan(4, 9, "ORG")], Place("f"), words=words), NLP)
    assert [t.text for t in aligned.doc] == ["Ada", "co-op", "."]
    assert aligned.doc.text == "Ada co-op."
    assert not aligned.doc.has_unknown_spaces
    assert ents(aligned) == [("co-op", "ORG")]


def test_words_without_known_spaces_and_sentence_starts():
    words = [(0, 3), (4, 9), (10, 14)]
    doc = align(
        Record(
            "Ada slept Oulu", [EntitySpan(10, 14, "GPE")], Place("f"), words=words,
            spaces_known=False, sentence_starts=[0, 2],
        ),
        NLP,
    ).doc  # fmt: skip
    assert doc.has_unknown_spaces
    assert [token.is_sent_start for token in doc] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "words", "complete"),
    [
        ("a b", [(0, 1), (2, 3)], ["a", "b"]),
        ("a  b", [(0, 1), (3, 4)], ["a", " ", "b"]),
        (" a", [(1, 2)], [" ", "a"]),
        ("a-b ", [(0, 1), (2, 3)], ["a", "-", "b"]),
        ("a\nb", [(0, 1), (2, 3)], ["a", "\n", "b"]),
        ("ab", [], ["ab"]),
    ],
)
def test_what_a_tokenization_leaves_out_becomes_words(text, words, complete):
    assert [text[start:end] for start, end in complete_words(text, words)] == complete


SPAN = st.builds(
    EntitySpan, st.integers(-2, 30), st.integers(-2, 30), st.sampled_from(["A", "B"])
)  # fmt: skip
TEXTS = st.text(st.sampled_from(string.ascii_letters[:4] + "  \n.-'\u00a0é😀"), max_size=25)


@st.composite
def records(draw):
    text = draw(TEXTS)
    words = None
    if draw(st.booleans()):
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
        words = [
            (start, end) for start, end in zip(cuts[::2], cuts[1::2])
            if text[start:end] == text[start:end].strip()
        ]  # fmt: skip
    return Record(text, draw(st.lists(SPAN, max_size=6)), Place("f"), words=words)


@given(records(), st.sampled_from(POLICIES))
@settings(max_examples=500, deadline=None)
def test_every_span_is_an_entity_or_a_reject_and_never_both(rec, policy):
    aligned = align(rec, NLP, policy)
    assert aligned.doc.text == rec.text
    # A span is identified by its place in the list: equal spans share one fate or are duplicates.
    offsets = {(e.start_char, e.end_char, e.label_) for e in aligned.doc.ents}
    moved = {id(span): text for span, text in aligned.snapped}
    rejected = [id(reject.span) for reject in aligned.rejects]
    duplicates = [id(span) for span in aligned.duplicates]
    assert len(rejected) == len(set(rejected))
    kept = 0
    for span in rec.spans:
        as_entity = id(span) not in rejected and id(span) not in duplicates
        kept += as_entity
        if as_entity and id(span) not in moved:
            start, end = span.start, span.end
            if policy == "retokenize":
                inside = rec.text[start:end]
                start += len(inside) - len(inside.lstrip())
                end -= len(inside) - len(inside.rstrip())
            assert (start, end, span.label) in offsets
        elif as_entity:
            assert any(e.text == moved[id(span)] for e in aligned.doc.ents)
    assert kept == len(aligned.doc.ents)
    assert kept + len(rejected) + len(duplicates) == len(rec.spans)
    for entity in aligned.doc.ents:
        assert not entity.text[0].isspace()
        assert not entity.text[-1].isspace()
    if policy == "retokenize":
        assert not any(r.reason in ("not-whole-tokens", "space-at-edge") for r in aligned.rejects)
