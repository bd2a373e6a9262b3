import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.inline import FORMAT, format_markup, parse_markup
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

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


MISTAKES = [
    ("a [b", r"file.txt:7: '\[' is never closed: '\[b'. Write \[name\]\(LABEL\)"),
    ("a\nb] c", r"file.txt:8: '\]' without '\['"),
    ("[b] c", r"file.txt:7: no \(LABEL\) after the bracket '\[b\] c'"),
    ("[b]()", r"file.txt:7: no \(LABEL\) after"),
    ("[b](two words)", r"file.txt:7: no \(LABEL\) after"),
    ("[b](X", r"file.txt:7: no \(LABEL\) after"),
    ("x\ny [a [b](X)](Y)", r"file.txt:8: '\[' inside another label.*Entities cannot nest"),
    ("[](X)", r"file.txt:7: empty label '\[\]\(X\)'"),
    ("\\\\[b\n\\]", r"file.txt:7: '\[' is never closed"),
]


@pytest.mark.parametrize(("markup", "message"), MISTAKES)
def test_mistakes_are_named_with_their_line(markup, message):
    with pytest.raises(DataError, match=message):
        parse(markup)


@given(st.text(max_size=40), st.data())
def test_round_trip_of_markup(text, data):
    spans = cut(text, data)
    assert parse_markup(format_markup(text, spans), HERE) == (text, spans)


def cut(text, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    return [EntitySpan(a, b, "L") for a, b in zip(cuts[::2], cuts[1::2])]


@pytest.fixture
def file(tmp_path):
    def make(content, name="file.txt"):
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8"))
        return Source(path, name)

    return make


def read(source):
    return list(FORMAT.read(source, ReadOptions()))


FILE = """\ufeff# genre = news

# id = news-001
[Oslo](GPE), Monday
# no = metadata inside a document

second [Ada](PERSON)


# id = last
# note = a = b
#hashtag [Oulu](GPE)"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_documents_and_metadata(file, ends):
    found = read(file(FILE.replace("\n", ends)))
    assert [r.text for r in found] == [
        "Oslo, Monday\n# no = metadata inside a document", "second Ada", "#hashtag Oulu",
    ]  # fmt: skip
    assert [r.meta for r in found] == [
        {"genre": "news", "id": "news-001"},
        {"genre": "news", "id": "file-2"},
        {"genre": "news", "id": "last", "note": "a = b"},
    ]
    assert [r.place for r in found] == [Place("file.txt", line) for line in (4, 7, 12)]


def test_spans_know_their_line(file):
    [record] = read(file("\n# id = a\nno name\n[Ada](X)\n[Oulu](X)\n"))
    assert [record.place_of(span).line for span in record.spans] == [4, 5]


def test_a_backslash_keeps_lines_in_the_text(file):
    [record] = read(file("\\# id = a\n\\\n\\  \n[b](X)\n"))
    assert record.text == "# id = a\n\n  \nb"
    assert record.meta == {"id": "file-1"}
    assert record.place_of(record.spans[0]).line == 4


def test_error_names_the_line_in_the_file(file):
    with pytest.raises(DataError, match=r"file.txt:4: '\[' is never closed"):
        read(file("fine\n\nalso fine\nbut [this\n"))


@pytest.mark.parametrize("content", ["", "\n \n", "# genre = news\n"])
def test_a_file_may_have_no_document(file, content):
    assert read(file(content)) == []


def write(*records):
    out = io.StringIO(newline="")
    FORMAT.write(records, out)
    return out.getvalue()


def record(text, *spans, **meta):
    return Record(text, [EntitySpan(*span) for span in spans], Place("a.spacy", 3), meta=meta)


def test_what_is_written():
    first = record("Ada [sic]\n\nmet", (0, 3, "PER"), id="a-1", genre="news")
    assert write(first, record("# id = x")) == (
        "# id = a-1\n# genre = news\n[Ada](PER) \\[sic\\]\n\\\nmet\n\n\\# id = x\n\n"
    )


def test_metadata_that_its_lines_cannot_hold_is_left_out():
    odd = {"two words": "x", "id": "a", "lines": "a\nb", "space": " a", "cr": "a\r", "": "x"}
    assert write(record("x", **odd, empty="")) == "# id = a\n# empty = \nx\n\n"


@pytest.mark.parametrize(
    ("unfit", "message"),
    [
        (
            record("a\r\nb", id="x"),
            r"a.spacy:3: .* cannot hold the CR LF after 'a' in document 'x'",
        ),
        (record("a\r"), r"a.spacy:3: .* cannot hold the CR LF after 'a' in document 'a\\r'"),
        (record("ab", (0, 1, "A B")), r"cannot hold the label 'A B' in document 'ab'.*--map"),
        (record("ab", (0, 1, "A(B)")), r"cannot hold the label 'A\(B\)'"),
        (record("ab", (0, 1, "")), r"cannot hold the label ''"),
    ],
)
def test_what_cannot_be_written(unfit, message):
    with pytest.raises(DataError, match=message):
        write(unfit)


# What means something at some place, more often than chance would have it.
TEXT = st.lists(
    st.sampled_from(
        ["\n", "\n\n", " ", "\\", "[", "]", "(X)", "#", "# a = b", "\ufeff", "\u2028", "\0"]
    )
    | st.text(max_size=3)
).map("".join)


@given(st.lists(st.tuples(TEXT, st.dictionaries(TEXT, TEXT, max_size=2)), max_size=4), st.data())
def test_what_is_written_is_read_again_or_refused(tmp_path_factory, documents, data):
    records = [
        Record(text, cut(text, data), HERE, meta={"id": str(i), **meta})
        for i, (text, meta) in enumerate(documents)
    ]
    path = tmp_path_factory.getbasetemp() / "again.txt"
    refused = False
    with path.open("w", encoding="utf-8", newline="") as out:
        try:
            FORMAT.write(records, out)
        except DataError:
            refused = True
    assert refused == any(
        line.endswith("\r") for r in records for line in format_markup(r.text, r.spans).split("\n")
    )
    if refused:
        return
    again = read(Source(path, "again.txt"))
    assert [(r.text, r.spans) for r in again] == [(r.text, r.spans) for r in records]
    assert all(
        a.meta.items() <= {"id": a.meta["id"], **r.meta}.items() for a, r in zip(again, records)
    )


@pytest.mark.parametrize(
    ("head", "name", "claimed"),
    [
        ("plain text", "a.txt", True),
        ("", "a.txt", True),
        ("# Notes on [Ada](PERSON)", "<stdin>", True),
        ("see [our site](https://example.org/a) and [b](b.html)", "<stdin>", False),
        ("see [part two](#two)", "a.md", False),
        ("plain text", "<stdin>", False),
        ('{"text": "[Ada](PERSON)"}', "a.txt", False),
        ('[\n {"text": "[Ada](PERSON)"}', "a.json", False),
        ("<?xml version='1.0'?>[Ada](PERSON)", "a.xmi", False),
        ("[Ada](PERSON) came", "a.txt", True),
        ("<3 from Oslo", "a.txt", True),
    ],
)
def test_which_files_are_claimed(tmp_path, head, name, claimed):
    assert FORMAT.matches(head, Source(tmp_path / name, name)) is claimed
