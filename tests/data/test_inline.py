import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.inline import format_markup, parse_markup, read_inline
from spacy_bert_ner.data.records import DataError, EntitySpan, Place

HERE = Place("file.txt", 7)


def parse(markup):
    text, spans = parse_markup(markup, HERE)
    return text, [(text[s.start : s.end], s.label) for s in spans]


def test_spans_and_text():
    assert parse("In [New York](GPE), (not) [Ada](PERSON).") == (
        "In New York, (not) Ada.",
        [("New York", "GPE"), ("Ada", "PERSON")],
    )


def test_escapes():
    assert parse(r"\[sic\] [a\]b](X) \\ c:\d") == (r"[sic] a]b \ c:\d", [("a]b", "X")])


def test_adjacent_spans_and_line_breaks():
    assert parse("[A](X)[B](Y)\n[C](X)") == ("AB\nC", [("A", "X"), ("B", "Y"), ("C", "X")])


@pytest.mark.parametrize(
    ("markup", "message"),
    [
        ("a [b", r"file.txt:7: '\[' is never closed: '\[b'. Write \[name\]\(LABEL\)"),
        ("a\nb] c", r"file.txt:8: '\]' without '\['"),
        ("[b] c", r"file.txt:7: no \(LABEL\) after"),
        ("[b]()", r"no \(LABEL\) after"),
        ("[b](two words)", r"no \(LABEL\) after"),
        ("x\ny [a [b](X)](Y)", r"file.txt:8: '\[' inside another label.*Entities cannot nest"),
        ("[](X)", "empty label"),
    ],
)
def test_mistakes_are_named_with_their_line(markup, message):
    with pytest.raises(DataError, match=message):
        parse(markup)


@given(st.text(max_size=40), st.data())
def test_round_trip(text, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = [EntitySpan(a, b, "L") for a, b in zip(cuts[::2], cuts[1::2])]
    assert parse_markup(format_markup(text, spans), HERE) == (text, spans)


FILE = """\ufeff# genre = news

# id = news-001
[Oslo](GPE), Monday
# no = metadata inside a document

second [Ada](PERSON)


# id = last
# note = a = b
#hashtag [Oulu](GPE)"""


def test_documents_and_metadata(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text(FILE, encoding="utf-8", newline="\r\n")
    found = list(read_inline(path))
    assert [r.text for r in found] == [
        "Oslo, Monday\n# no = metadata inside a document", "second Ada", "#hashtag Oulu",
    ]  # fmt: skip
    assert [r.meta for r in found] == [
        {"genre": "news", "id": "news-001"},
        {"genre": "news", "id": "file-2"},
        {"genre": "news", "id": "last", "note": "a = b"},
    ]
    assert [r.place.line for r in found] == [4, 7, 12]


def test_error_names_the_line_in_the_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("fine\n\nalso fine\nbut [this\n")
    with pytest.raises(DataError, match=r"file.txt:4: '\[' is never closed"):
        list(read_inline(path))
