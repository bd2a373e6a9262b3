"""brat standoff, after https://brat.nlplab.org/standoff.html; the texts are made up."""

import gzip

import pytest

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.brat import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source, find_sources

TEXT = "Acme bought Berg & Sons.\nThe North and South Sea shops stay.\n"


@pytest.fixture
def file(tmp_path):
    def make(*lines, text=TEXT, ends="\n"):
        (tmp_path / "d.ann").write_bytes("".join(line + ends for line in lines).encode())
        if text is not None:
            raw = text if isinstance(text, bytes) else text.encode()
            (tmp_path / "d.txt").write_bytes(raw)
        return Source(tmp_path / "d.ann", "set/d.ann")

    return make


def read(source):
    [record] = FORMAT.read(source, ReadOptions())
    return record


def surfaces(record):
    return [(record.text[s.start : s.end], s.label) for s in record.spans]


def notes(source):
    return [(found.check, str(found.place), found.detail) for found in source.findings]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_entities(file, ends):
    source = file("T1\tORG 0 4\tAcme", "", "T2\tORG 12 23\tBerg & Sons", ends=ends)
    record = read(source)
    assert [str(record.place_of(span)) for span in record.spans] == ["set/d.ann:1", "set/d.ann:3"]
    assert record == Record(
        TEXT,
        [EntitySpan(0, 4, "ORG"), EntitySpan(12, 23, "ORG")],
        Place("set/d.ann"),
        meta={"id": "d"},
    )


def test_no_annotations(file):
    assert read(file()) == Record(TEXT, [], Place("set/d.ann"), meta={"id": "d"})


def test_other_annotations_are_counted(file):
    source = file(
        "T1\tORG 0 4\tAcme",
        "T2\tBuy 5 11\tbought",
        "E1\tBuy:T2 Buyer:T1",
        "A1\tNegation E1",
        "A2\tConfidence E1 High",
        "M1\tNegation E1",
        "R1\tOwner Arg1:T1 Arg2:T3",
        "*\tEquiv T1 T3",
        "N1\tReference T1 Firms:17\tAcme plc",
        "#1\tAnnotatorNotes T1\tsure?",
    )
    assert surfaces(read(source)) == [("Acme", "ORG"), ("bought", "Buy")]
    assert notes(source) == [
        ("not-entities", "set/d.ann:3", r"1 events, the first 'E1\tBuy:T2 Buyer:T1'"),
        ("not-entities", "set/d.ann:4", r"3 attributes, the first 'A1\tNegation E1'"),
        ("not-entities", "set/d.ann:7", r"2 relations, the first 'R1\tOwner Arg1:T1 Arg2:T3'"),
        ("not-entities", "set/d.ann:9", r"1 normalizations, the first 'N1\tReference T1 Firms:17\tAcme plc'"),
        ("not-entities", "set/d.ann:10", r"1 notes, the first '#1\tAnnotatorNotes T1\tsure?'"),
    ]  # fmt: skip


def test_discontinuous_entities_keep_their_fragments(file):
    source = file("T1\tSEA 29 34;45 48\tNorth Sea", "T2\tSEA 45 48;29 34\tSea North")
    assert read(source).spans == [EntitySpan(29, 48, "SEA", ((29, 34), (45, 48)))] * 2
    assert notes(source) == []


@pytest.mark.parametrize(
    ("line", "span"),
    [
        ("T1\tX 18 24;25 28\tSons. The", (18, 28)),
        ("T1\tX 25 28;29 34\tThe North", (25, 34)),
        ("T1\tX 25 28;28 34\tThe  North", (25, 34)),
    ],
)
def test_fragments_with_only_space_between_are_one_entity(file, line, span):
    text = TEXT.replace(" Sons.", "Sons. ")
    assert read(file(line, text=text)).spans == [EntitySpan(*span, "X")]


def test_only_some_fragments_are_joined(file):
    [span] = read(file("T1\tX 25 28;29 34;45 48\tThe North Sea")).spans
    assert span == EntitySpan(25, 48, "X", ((25, 34), (45, 48)))


def test_line_breaks_are_spaces_in_the_repeated_text(file):
    source = file("T1\tX 17 34\t& Sons. The North", text=TEXT)
    assert surfaces(read(source)) == [("& Sons.\nThe North", "X")]
    assert notes(source) == []


def test_a_text_that_is_not_at_the_offsets_is_noted(file):
    source = file("T1\tORG 1 5\tAcme", "T2\tSEA 29 34;45 48\tNorth  Sea", "T3\tORG 0 4")
    assert [(s.start, s.end) for s in read(source).spans] == [(1, 5), (29, 48), (0, 4)]
    assert notes(source) == [
        ("text-mismatch", "set/d.ann:1", "'Acme' is said to be at 1-5, where the text has 'cme '"),
        ("text-mismatch", "set/d.ann:2",
         "'North  Sea' is said to be at 29-48, where the text has 'North and South Sea'"),
    ]  # fmt: skip


def test_offsets_in_utf16_units_are_converted(file):
    source = file("T1\tGPE 3 7\tOulu", "T2\tX 8 10;11 14\t😀 abc", text="😀 Oulu 😀\nabc")
    assert [(s.start, s.end, s.fragments) for s in read(source).spans] == [(2, 6, ()), (7, 12, ())]
    assert [check for check, *_ in notes(source)] == ["utf16-offsets"] * 2


@pytest.mark.parametrize("fragments", ["-3 2", "60 90", "4 4", "9 5", "90 91;95 99", "-9 -5;3 4"])
def test_impossible_spans_are_passed_on(file, fragments):
    numbers = [int(number) for pair in fragments.split(";") for number in pair.split()]
    [span] = read(file(f"T1\tX {fragments}\twhatever")).spans
    assert (span.start, span.end) == (numbers[0], numbers[-1])


CRLF = "Ada\r\nmet\r\nBerg\r\n"


@pytest.mark.parametrize(
    ("lines", "text", "spans", "said"),
    [
        # As two characters.
        (["T1\tP 0 3\tAda", "T2\tP 10 14\tBerg"], CRLF, [(0, 3), (10, 14)], ""),
        (["T1\tP 0 8\tAda  met", "T2\tP 10 14\tBerg"], CRLF, [(0, 8), (10, 14)], ""),
        # As one.
        (["T1\tP 0 3\tAda", "T2\tP 8 12\tBerg"], "Ada\nmet\nBerg\n", [(0, 3), (8, 12)],
         "the offsets of the annotations count CR LF as one character"),
        # Which one, nobody knows.
        (["T1\tP 0 3\tAda"], CRLF, [(0, 3)], ""),
        (["T1\tP 8 12"], CRLF, [(8, 12)], ""),
    ],
)  # fmt: skip
def test_carriage_returns(file, lines, text, spans, said):
    source = file(*lines, text=CRLF)
    record = read(source)
    assert record.text == text
    assert [(s.start, s.end) for s in record.spans] == spans
    assert notes(source) == ([("encoding", "set/d.txt", said)] if said else [])


@pytest.mark.parametrize(
    ("offsets", "raw", "text", "said"),
    [
        ("8 12", "Ada met Berg", "Ada met Berg", None),
        ("9 13", "Ada met Berg", "Ada met Berg", "the byte order mark"),
        ("9 13", "Ada\r\nmet Berg", "Ada\r\nmet Berg", None),
        ("10 14", "Ada\r\nmet Berg", "Ada\r\nmet Berg", "the byte order mark"),
        ("10 14", "Ada\r\n\r\nmet Berg", "Ada\n\nmet Berg",
         "CR LF as one character and the byte order mark"),
    ],
)  # fmt: skip
def test_byte_order_mark(file, offsets, raw, text, said):
    source = file(f"T1\tP {offsets}\tBerg", text="\ufeff" + raw)
    record = read(source)
    assert (record.text, surfaces(record)) == (text, [("Berg", "P")])
    assert notes(source)[1:] == (
        [("encoding", "set/d.txt", f"the offsets of the annotations count {said}")] if said else []
    )


@pytest.mark.parametrize(
    "line",
    [
        "T1 ORG 0 4 Acme",
        "T1\tORG 0 4 Acme",
        "T1\tORG\tAcme",
        "T1\tORG 0\tAcme",
        "T1\tORG 0 4.0\tAcme",
        "T1\tORG 0 four\tAcme",
        "T1\tORG 0 4;\tAcme",
        "T1\tORG 0,4\tAcme",
        "T1\t0 4\tAcme",
        "X1\tORG 0 4\tAcme",
        "Acme",
        "T1\tORG 0 " + "9" * 30 + "\tAcme",
        '{"text": "Acme"}',
    ],
)
def test_malformed_lines(file, line):
    with pytest.raises(DataError) as caught:
        read(file("T1\tORG 0 4\tAcme", line))
    shown = repr(line[:60])
    assert str(caught.value).startswith(
        f"set/d.ann:2: not an annotation of brat: {shown}. Entities"
    )


def test_without_its_text(file):
    with pytest.raises(DataError, match=r"^set/d.ann: there is no d.txt beside it. brat keeps"):
        read(file("T1\tORG 0 4\tAcme", text=None))


def test_a_text_that_is_not_utf8(file):
    with pytest.raises(DataError, match=r"^set/d.txt:2: not UTF-8 text \(byte 0xfc\)"):
        read(file("T1\tORG 0 4\tAcme", text=b"Acme\nM\xfcnchen"))


@pytest.mark.parametrize("name", ["stdin", "d.ann.gz", "d.txt"])
def test_anything_but_a_file_beside_its_text_is_refused(tmp_path, name):
    (tmp_path / "d.txt").write_text(TEXT)
    (tmp_path / name).write_bytes(gzip.compress(b"T1\tORG 0 4\tAcme\n"))
    with pytest.raises(DataError, match=r"a file NAME.ann with NAME.txt beside it"):
        read(Source(tmp_path / name, name))


def test_a_folder_of_brat(tmp_path, file):
    file("T1\tORG 0 4\tAcme")
    (tmp_path / "annotation.conf").write_text("[entities]\nORG\n")
    [source], left = find_sources(str(tmp_path))
    assert FORMAT.matches(source.head(), source)
    assert surfaces(read(source)) == [("Acme", "ORG")]
    assert left == []


@pytest.mark.parametrize(
    ("head", "name", "claimed"),
    [
        ("", "x.ann", True),
        ("anything", "x.ann", True),
        ("T1\tORG 0 4\tAcme\r\n", "<stdin>", True),
        ("", "d.txt", True),
        ("", "other.txt", False),
        ("T1\tORG\n", "a.tsv", False),
        ("Acme\tB-ORG\n", "a.conll", False),
    ],
)
def test_which_files_are_claimed(tmp_path, file, head, name, claimed):
    file()
    assert FORMAT.matches(head, Source(tmp_path / name, name)) is claimed
