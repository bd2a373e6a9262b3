"""Checks and counts of a corpus, on small ones with one thing wrong each."""

import json

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_bert_ner.data import page
from spacy_bert_ner.data.alignment import align
from spacy_bert_ner.data.checks import Seen
from spacy_bert_ner.data.checks.forms import ProbableMisses
from spacy_bert_ner.data.findings import Findings
from spacy_bert_ner.data.formats.inline import parse_markup
from spacy_bert_ner.data.inspection import corpus_files, inspect, read_summary
from spacy_bert_ner.data.records import DataError, Place, Record
from spacy_bert_ner.data.statistics import SplitStatistics

NLP = spacy.blank("en")
LONG = "The old council of [Oulu](GPE) voted on Monday to close the bridge over the river"


def doc(markup, line=1, path="f.txt"):
    text, spans = parse_markup(markup, Place(path, line))
    return align(Record(text, spans, Place(path, line), meta={"id": f"d{line}"}), NLP).doc


def docs(*markups):
    return [doc(markup, line) for line, markup in enumerate(markups, start=1)]


def found(check, *, length=None, window=0, **splits):
    inspection = inspect(splits, length=length, window=window)
    return [f"{f.place}: {f.detail}" for f in inspection.findings.of(check)]


def test_counts():
    counts = SplitStatistics.of(docs("[Ada](PERSON) met\n[Ada](PERSON) in [Oulu](GPE)", "one"))
    assert counts.to_json() == {
        "documents": 2, "words": 6, "entities": 3, "longest": 5,
        "mentions": {"GPE": 1, "PERSON": 2}, "forms": {"GPE": 1, "PERSON": 1},
    }  # fmt: skip
    assert counts.document_lengths == {5: 1, 1: 1}
    assert counts.entity_lengths == {1: 3}
    assert counts.density == 50


@pytest.mark.parametrize(
    ("markup", "wrong"),
    [
        ("[Oulu,](GPE)", True),
        ("[(Oulu](GPE)", True),
        ("[Oulu)](GPE)", True),
        ('["Oulu](GPE)', True),
        ("[, Oulu](GPE)", True),
        ("[.Oulu](GPE)", True),
        ("[“Oulu](GPE)", True),
        ("[Bank (Oulu)](ORG)", False),
        ("[U.S.](GPE)", False),
        ("[Yahoo!](ORG)", False),
        ("[Levi's](ORG)", False),
        ('["Emma"](WORK)', False),
        ("[$5](MONEY)", False),
        ("[.NET](PRODUCT)", False),
        ("[.5 percent](PERCENT)", False),
        ("[!Kung](NORP)", False),
        ("[„Emma”](WORK)", False),
        ("[”Emma”](WORK)", False),
        ("[‘Iolani Palace](FAC)", False),
        ("[6' 2\"](QUANTITY)", False),
        ("[A&amp;](ORG)", False),
    ],
)
def test_punctuation_at_the_edges(markup, wrong):
    detail = parse_markup(markup, Place("f"))[1][0].label
    assert len(found("edge-punctuation", train=docs(markup))) == wrong, detail


def test_space_at_the_edges():
    spaced = NLP("Oulu\nwon")
    spaced.ents = [spacy.tokens.Span(spaced, 0, 2, "GPE")]
    assert found("edge-punctuation", train=[spaced]) == ["train:1: 'Oulu\\n' (GPE)"]


@pytest.mark.parametrize(
    ("labels", "alike"),
    [
        (("PER", "Per"), True),
        (("PER", "PERSON"), True),
        (("ORGANISATION", "ORGANIZATION"), True),
        (("B_GPE", "B-GPE"), True),
        (("GPE", "LOC"), False),
        (("DATE", "TIME"), False),
        (("MONEY", "MEDIA"), False),
        (("LEVEL_1", "LEVEL_2"), False),
        (("building-other", "building-theater"), False),
        (("art-organisation", "art-organization"), True),
        (("*", "+"), False),
    ],
)
def test_labels_that_look_alike(labels, alike):
    train = docs(f"[a]({labels[0]}) [b]({labels[0]}) [c]({labels[1]})")
    expected = [f"f.txt:1: '{labels[1]}' (1 mention) beside '{labels[0]}' (2); first 'c'"]
    assert found("similar-labels", train=train) == (expected if alike else [])


def test_rare_and_unseen_labels():
    train = docs(" ".join(["[a](A)"] * 20 + ["[b](B)"] * 3))
    dev = docs("nothing", "[c](C) [c](C)")
    assert found("rare-label", train=train, dev=dev) == [
        "f.txt:1: B has 3 mentions in train; first 'b'"
    ]
    assert found("unseen-label", train=train, dev=dev) == [
        "f.txt:2: C has 2 mentions in dev; first 'c'"
    ]
    assert found("rare-label", other=dev) == ["f.txt:2: C has 2 mentions in other; first 'c'"]


def test_a_seldom_label_of_a_form():
    train = docs(*["[Oulu](GPE) won"] * 5, "[Oulu](ORG) paid", "[Ada](A) [Ada](B)")
    assert found("ambiguous-form", train=train) == [
        "f.txt:6: 'Oulu' is ORG here; in all GPE 5, ORG 1"
    ]


def test_probable_misses():
    train = docs(
        "[New Oulu](GPE) and [New Oulu](GPE) and [New Oulu](GPE)",
        "We left New Oulu at noon",
        "the [New Oulu Times](ORG) of new oulu",
        "[sun](X) [sun](X) sun [Once](X) Once",
    )
    assert found("probable-miss", train=train) == [
        "f.txt:2: 'New Oulu' is GPE 3 times, but not in 'We left New Oulu at noon'"
    ]
    # A form that is bare as often as not may be a common word.
    assert found("probable-miss", train=docs("[May](DATE) [May](DATE) May May May")) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["acetylsalicylic", "acid"], "acetylsalicylic acid"),
        (["北京"], "北京"),
        (["روسيا"], "روسيا"),
    ],
)
def test_probable_misses_of_several_words_or_without_case(words, text):
    train = docs(*[f"[{text}](X)"] * 3, text)
    assert found("probable-miss", train=train) == [
        f"f.txt:4: {text!r} is X 3 times, but not in {text!r}"
    ]


def test_common_words_are_not_hoarded():
    check = ProbableMisses()
    labelled, *bare = [
        Seen("train", d, Place("f")) for d in docs("[Will](X) [Will](X)", *["Will"] * 50)
    ]
    check.see(labelled)
    for seen in bare:
        check.see_again(seen, Findings())
    assert sum(map(len, check.bare.values())) == 1


def test_missing_annotation_is_no_miss():
    train = docs("[Oulu](GPE) [Oulu](GPE)", "Oulu won")
    train[1].set_ents([], missing=[train[1][:1]], default="outside")
    assert found("probable-miss", train=train) == []


def test_leakage():
    train = docs("unrelated", LONG)
    test = [doc("Thank you .", 7, "t.txt"), doc(LONG.replace("Monday", "Friday"), 8, "t.txt")]
    assert found("leakage", train=train, test=test) == [
        "t.txt:8: 'The old council of Oulu voted on Friday to close the bridge ' is in train as well, "
        "at f.txt:2"
    ]
    assert found("leakage", train=docs(LONG, LONG)) == []


def test_long_documents():
    words = " ".join(["word"] * 351)
    assert found("long-document", train=docs(words)) == ["f.txt:1: 351 words, of 350 at a time"]
    assert found("long-document", train=docs("a b c"), length=lambda d: 9, window=8) == [
        "f.txt:1: 9 word pieces, of 8 at a time"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "cafÃ© in [Oulu](GPE)", "a\ufffdb", "it\u2019s â€œgood", "[Ou\u200blu](GPE)", "a\x07b",
        "Ã‰cole", "25Â°C", "StraÃŸe", "[Ou\u200dlu](GPE)",
    ],
)  # fmt: skip
def test_damaged_text(text):
    assert len(found("encoding", train=docs(text))) == 1


def test_sound_text_has_no_finding():
    text = (
        "Ça va, [São Paulo](GPE)? 5 € – “fine” [👩\u200d🚀](X) naïve Ångström «IRMÃ» [می\u200cر](X)"
    )
    assert found("encoding", train=docs(text)) == []


def test_docs_of_other_origin_are_counted_in_their_split():
    bare = NLP("Oulu,")
    bare.ents = [spacy.tokens.Span(bare, 0, 2, "GPE")]
    assert found("edge-punctuation", dev=[NLP("x"), bare]) == ["dev:2: 'Oulu,' (GPE)"]


@pytest.fixture
def inspection():
    train = docs("[<script>alert(1)</script>](ORG) paid", "[Oulu](GPE) [Oulu](ORG)", LONG)
    conversion = {
        "spans": 9, "rejected": {"nested": 2}, "rejected_percent": 22.2,
        "findings": {"repaired-tags": {"count": 1, "examples": [{"place": "x:1", "detail": "<b>"}]}},
    }  # fmt: skip
    return inspect({"train": train, "dev": docs(LONG)}, conversion=conversion)


def test_json_has_splits_and_findings(inspection):
    data = json.loads(json.dumps(inspection.to_json()))
    assert data["train"]["mentions"] == {"GPE": 2, "ORG": 2}
    assert data["findings"]["leakage"]["count"] == 1


@pytest.mark.parametrize("name", ["corpus", "corpus.v1.2"])
def test_corpus_folder_is_three_splits_whatever_its_name(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    for split in ("train", "dev", "test"):
        DocBin(docs=docs("[Oulu](GPE)")).to_disk(folder / f"{split}.spacy")
    assert list(corpus_files(folder, NLP)) == ["train", "dev", "test"]
    files = corpus_files(folder / "dev.spacy", NLP)
    assert [[len(d.ents) for d in split] for split in files.values()] == [[1]]
    assert list(files) == ["dev"]


@pytest.mark.parametrize("text", ["{", "[]", '{"spans": "9"}', '{"spans": 9, "rejected": {}}'])
def test_figures_of_a_conversion_that_are_none(tmp_path, text):
    assert read_summary(tmp_path) is None
    (tmp_path / "conversion.json").write_text(text)
    with pytest.raises(DataError, match=r"conversion.json: (not the figures|cannot be read)"):
        read_summary(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"rejected": {"nested": "2"}},
        {"rejected": {"nested": None}},
        {"findings": {"a": 3}},
        {"findings": {"a": {}}},
        {"findings": {"a": {"count": "1", "examples": [{"place": "x", "detail": "d"}]}}},
        {"findings": {"a": {"count": 1, "examples": []}}},
        {"findings": {"a": {"count": 1, "examples": [1]}}},
        {"findings": {"a": {"count": 1, "examples": [{"place": "x"}]}}},
    ],
)
def test_figures_of_a_conversion_with_something_else_inside(tmp_path, inspection, change):
    path = tmp_path / "conversion.json"
    path.write_text(json.dumps(inspection.conversion))
    assert read_summary(tmp_path) == inspection.conversion
    path.write_text(json.dumps({**inspection.conversion, **change}))
    with pytest.raises(DataError, match=r"conversion\.json: not the figures of a conversion"):
        read_summary(tmp_path)


def test_a_fold_has_no_test_split(tmp_path):
    for split in ("train", "dev"):
        DocBin(docs=docs("[Oulu](GPE)")).to_disk(tmp_path / f"{split}.spacy")
    assert list(corpus_files(tmp_path, NLP)) == ["train", "dev"]


def test_a_folder_of_shards_is_one_split(tmp_path):
    shards = tmp_path / "x.spacy"
    shards.mkdir()
    for number in (1, 2):
        DocBin(docs=docs("[Oulu](GPE)")).to_disk(shards / f"000{number}.spacy")
    files = corpus_files(shards, NLP)
    assert {name: len(list(split)) for name, split in files.items()} == {"x": 2}


def test_page_shows_everything_and_escapes_it(inspection):
    html = page.render(inspection, "Corpus <x>")
    assert "<title>Corpus &lt;x&gt;</title>" in html
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for part in ("overview", "checks", "conversion", "labels", "lengths", "ambiguous", "frequent"):
        assert f'<h2 id="{part}">' in html
    for expected in (
        "<td>2</td>", "GPE 3, ORG 1", "is in train as well", "2 (22.20 %) were rejected",
        "lies inside another entity", "&lt;b&gt;",
    ):  # fmt: skip
        assert expected in html
    assert "http" not in html
    assert " src=" not in html


def test_page_of_a_corpus_without_entities():
    assert "<h2" in page.render(inspect({"train": docs("nothing")}), "t")


def test_histogram_keeps_giants_from_stretching_it():
    bars = page.histogram(dict.fromkeys(range(1, 25), 10) | {5000: 1})
    assert [bar.name for bar in bars][:2] == ["0–2", "3–5"]
    assert bars[-1].name.endswith("and more")
    assert sum(bar.count for bar in bars) == 241
    assert max(bar.percent for bar in bars) == 100
    assert page.histogram({}) == []
