"""CSV and TSV with one entity a row. No tool's export, so there is no documentation to go by but
RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180) for the quoting; layouts and texts are made up."""

import csv
import gzip
import io

import pytest
from format_checks import notes
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.delimited import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

CSV = """\
doc_id,text,start,end,label
d1,"Ada met ""Bo"" in Oslo, today",0,3,PERSON
d1,"Ada met ""Bo"" in Oslo, today",16,20,GPE
d2,Nobody came.,,,
d3,Oulu won.,0,4,GPE
"""


@pytest.fixture
def file(tmp_path):
    def make(content, name="set.csv"):
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
        return Source(tmp_path / name, name)

    return make


def read(source):
    return list(FORMAT.read(source, ReadOptions()))


def surfaces(records):
    return [[(r.text[s.start : s.end], s.label) for s in r.spans] for r in records]


def test_rows_of_a_document_are_gathered(file):
    source = file(CSV)
    assert read(source) == [
        Record(
            'Ada met "Bo" in Oslo, today',
            [EntitySpan(0, 3, "PERSON"), EntitySpan(16, 20, "GPE")],
            Place("set.csv", 2),
            meta={"id": "d1"},
        ),
        Record("Nobody came.", [], Place("set.csv", 4), meta={"id": "d2"}),
        Record("Oulu won.", [EntitySpan(0, 4, "GPE")], Place("set.csv", 5), meta={"id": "d3"}),
    ]
    assert notes(source) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("prepare", [str.encode, lambda text: ("\ufeff" + text).encode(),
                                     lambda text: text.encode("utf-16"),
                                     lambda text: gzip.compress(text.encode())])  # fmt: skip
def test_delimiters_line_ends_and_encodings(file, delimiter, ends, prepare):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ends).writerows(
        csv.reader(CSV.splitlines())
    )
    records = read(file(prepare(out.getvalue())))
    assert surfaces(records) == [[("Ada", "PERSON"), ("Oslo", "GPE")], [], [("Oulu", "GPE")]]


@pytest.mark.parametrize(
    "header",
    [
        "text,start,end,label",
        "Document,Begin,Stop,Type",
        "content,start_offset,end_offset,tag",
        "TEXT,Start Char,End-Char,entity",
        "sentence,begin_offset,stop_offset,Category",
        '"text", start ,end,class',
    ],
)
def test_names_of_columns(file, header):
    records = read(file(f"{header}\nOulu won.,0,4,GPE\n"))
    assert surfaces(records) == [[("Oulu", "GPE")]]
    assert records[0].meta == {"id": "set-1"}


def test_names_that_could_be_two_things(file):
    header = "id,document,text,start,end,label,entity,type"
    [record] = read(
        file(f"{header}\n1,d,Oulu won.,0,4,GPE,Oulu,city\n2,d,Oulu won.,5,8,X,won,verb\n")
    )
    assert record.meta == {"id": "d"}
    assert surfaces([record]) == [[("Oulu", "GPE"), ("won", "X")]]


def test_without_ids_the_text_tells_documents_apart(file):
    records = read(file("text,start,end,label\nOulu won.,0,4,A\nOulu won.,5,8,B\nOslo,,,\n"))
    assert surfaces(records) == [[("Oulu", "A"), ("won", "B")], []]
    assert [r.meta["id"] for r in records] == ["set-1", "set-2"]


def test_columns_that_all_rows_share_are_metadata(file):
    content = "split,note,text,start,end,label\ntrain,a,Oulu won.,0,4,A\ntrain,b,Oulu won.,5,8,B\n"
    assert [r.meta for r in read(file(content))] == [{"id": "set-1", "split": "train"}]


def test_line_breaks_in_texts(file):
    content = 'id,text,start,end,label\nx,"Ada\r\nmet\nBo",9,11,P\n\ny,"a\n\nb",3,4,P\nz,c,0,1,P\n'
    source = file(content)
    records = read(source)
    assert [r.text for r in records] == ["Ada\r\nmet\nBo", "a\n\nb", "c"]
    assert surfaces(records) == [[("Bo", "P")], [("b", "P")], [("c", "P")]]
    assert [r.place.line for r in records] == [2, 6, 9]


def test_entities_know_their_row(file):
    first, *_ = read(file(CSV))
    assert [str(first.place_of(span)) for span in first.spans] == ["set.csv:2", "set.csv:3"]


def test_long_fields(file):
    text = "x" * 300_000
    assert read(file(f"text,start,end,label\n{text},0,1,X\n"))[0].text == text


def test_the_text_of_an_entity_is_checked(file):
    header = "text,start,end,label,surface\n"
    source = file(f"{header}😀 Oulu won,3,7,GPE,Oulu\n😀 Oulu won,0,3,X,Oulu\n😀 Oulu won,2,6,X,\n")
    [record] = read(source)
    assert [(s.start, s.end) for s in record.spans] == [(2, 6), (0, 3), (2, 6)]
    assert [found[:2] for found in notes(source)] == [("utf16-offsets", 2), ("text-mismatch", 3)]


def test_impossible_spans_are_passed_on(file):
    [record] = read(file("text,start,end,label\na,-3,99,X\na,1,0,X\na,0,0,X\n"))
    assert [(s.start, s.end) for s in record.spans] == [(-3, 99), (1, 0), (0, 0)]


def test_documents_that_return_are_refused(file):
    header = "id,text,start,end,label\n"
    with pytest.raises(DataError) as caught:
        read(file(f"{header}a,Ada,0,3,P\nb,Bo,0,2,P\na,Ada,0,3,P\n"))
    assert str(caught.value) == (
        "set.csv:4: more of the document 'a' of line 2, after another. Sort the rows by document."
    )
    with pytest.raises(DataError, match=r"set.csv:4: more of the document 'Ada' of line 2"):
        read(file("text,start,end,label\nAda,0,3,P\nBo,0,2,P\nAda,0,3,P\n"))


def test_an_id_with_two_texts_is_refused(file):
    with pytest.raises(
        DataError, match=r"set.csv:3: the document 'a' has the text 'Bo' here and 'Ada' in line 2"
    ):
        read(file("id,text,start,end,label\na,Ada,0,3,P\na,Bo,0,2,P\n"))


def test_ids_of_rows_instead_of_documents_are_noted(file):
    source = file("id,text,start,end,label\n1,Ada met Bo,0,3,P\n2,Ada met Bo,8,10,P\n")
    assert len(read(source)) == 2
    assert notes(source) == [("same-text", 3, "'2' repeats '1'")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Ada,0,3.0,P", "set.csv:3: start '0', end '3.0' and label 'P' are not two whole numbers"),
        ("Ada,zero,3,P", "set.csv:3: start 'zero', end '3'"),
        ("Ada,0,,P", "set.csv:3: start '0', end '' and label 'P'"),
        ("Ada,0,3, ", "set.csv:3: start '0', end '3' and label ''"),
        ("Ada,,,P", "set.csv:3: start '', end '' and label 'P'"),
        ("Ada,0,٣,P", "set.csv:3: start '0', end '٣'"),
        (f"Ada,0,{'9' * 40},P", "set.csv:3: start '0', end '999"),
        ("Ada, hello,0,3,P", "set.csv:3: 5 fields where the header has 4: ['Ada', ' hello'"),
        (
            "Ada",
            "set.csv:3: 1 fields where the header has 4: ['Ada']. Columns are text, start, end",
        ),
        ('"Ada" met,0,3,P', "set.csv:3: not a row of CSV (',' expected after '\"')"),
        ('"Ada,0,3,P\nmore\n', "set.csv:3: not a row of CSV (unexpected end of data)"),
        ("Ada\rmet,0,3,P", "set.csv:3: not a row of CSV (new-line character seen in unquoted"),
    ],
)
def test_malformed_rows(file, row, message):
    with pytest.raises(DataError) as caught:
        read(file(f"text,start,end,label\nOslo,0,4,P\n{row}\n"))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"^set.csv:1: no column for start and end and label and text in the header ''"),
        ("text,start,label\n", r"^set.csv:1: no column for end in the header 'text,start,label'. Call"),
        ("doc_id,start,end,label\n", r"^set.csv:1: no column for text"),
        ("Ada;0;3;P\n", r"^set.csv:1: no column for start"),
        ("Sentence #,Word,POS,Tag\nSentence: 1,Ada,NNP,B-per\n", r"^set.csv:1: one token a row"),
        ("token;ner_tag\nAda;B-per\n", r"^set.csv:1: one token a row, not one entity: 'token;ner_tag'"),
        ('"text,start\n', r"^set.csv:1: no column for"),
    ],
)  # fmt: skip
def test_malformed_headers(file, content, message):
    with pytest.raises(DataError, match=message):
        read(file(content))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
                unique=True, min_size=1),
       st.sampled_from(",;\t"))  # fmt: skip
def test_what_the_csv_module_writes_is_read(tmp_path_factory, texts, delimiter):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow(["id", "text", "start", "end", "label"])
        writer.writerows([i, text, 0, 1, "X"] for i, text in enumerate(texts))
    assert [r.text for r in read(Source(path, "any.csv"))] == texts


@pytest.mark.parametrize(
    ("head", "claimed"),
    [
        (CSV, True),
        ("doc_id;begin;end;type\r\n", True),
        ("Sentence #,Word,POS,Tag\n", True),
        ("Word\tTag\nAda\tB-PER\n", False),
        ("a,b,c\n1,2,3\n", False),
        ("", False),
        ("The start, the end and the label\n", False),
        ('{"text": "a", "start": 0, "end": 1, "label": "X"}\n', False),
        ('"text,start', False),
        ("\0\x01", False),
    ],
)
def test_which_files_are_claimed(file, head, claimed):
    assert FORMAT.matches(head, file(head)) is claimed
