"""DocBins, after https://spacy.io/api/docbin."""

import gzip
import zlib

import pytest
import spacy
import srsly
from format_checks import notes
from spacy.tokens import Doc, DocBin, Span, Token

from spacy_bert_ner.data.alignment import align
from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.docbin import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

NLP = spacy.blank("en")
TEXT = "Ada  met\nAcme Inks.  Then left"


def annotated(text=TEXT, spans=((0, 3, "PER"), (9, 18, "ORG")), **user_data):
    doc = NLP.make_doc(text)
    doc.set_ents([doc.char_span(*span) for span in spans], default="outside")
    doc.user_data.update(user_data)
    return doc


def packed(*docs):
    return DocBin(docs=docs, store_user_data=True).to_bytes()


@pytest.fixture
def file(tmp_path):
    def make(*docs, raw=None, name="a.spacy"):
        path = tmp_path / name
        path.write_bytes(packed(*docs) if raw is None else raw)
        return Source(path, name)

    return make


def read(source):
    return list(FORMAT.read(source, ReadOptions()))


def test_words_spaces_entities_and_metadata(file):
    source = file(annotated(id="x-7", year=1999, source="b.conll:3"), annotated("Oulu ", ()))
    assert read(source) == [
        Record(
            TEXT,
            [EntitySpan(0, 3, "PER"), EntitySpan(9, 18, "ORG")],
            Place("b.conll", 3),
            words=[(0, 3), (4, 5), (5, 8), (8, 9), (9, 13), (14, 18), (18, 19), (20, 21), (21, 25),
                   (26, 30)],
            meta={"id": "x-7", "year": "1999"},
        ),
        Record("Oulu ", [], Place("a.spacy", 2), words=[(0, 4)], sentence_starts=[0],
               meta={"id": "a-2"}),
    ]  # fmt: skip
    assert notes(source) == []


def test_the_text_is_that_of_the_doc_whatever_its_tokens(file):
    words = ["\n", "a", " ", "\U0001f600", "b"]
    doc = Doc(NLP.vocab, words=words, spaces=[True, False, True, False, True])
    doc.set_ents([Span(doc, 3, 5, "X")], default="outside")
    [record] = read(file(doc))
    assert record.text == doc.text == "\n a  \U0001f600b "
    assert [record.text[start:end] for start, end in record.words] == words
    assert record.spans == [EntitySpan(5, 7, "X")]


def test_unknown_spaces(file):
    doc = Doc(NLP.vocab, words=["Ada", "met"], ents=["B-PER", "O"])
    [record] = read(file(doc))
    assert (record.text, record.spaces_known) == ("Ada met ", False)
    assert record.words == [(0, 3), (4, 7)]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ([True, False, True], [0, 2]),
        ([True, False, False], [0]),
        ([True, None, True], [0, 2]),
        (None, None),
    ],
)
def test_sentence_starts(file, starts, expected):
    doc = Doc(NLP.vocab, words=["a", "b", "c"], sent_starts=starts, ents=["O"] * 3)
    [record] = read(file(doc))
    assert record.sentence_starts == expected


def test_docs_without_tokens_are_passed_over(file):
    assert [r.place.line for r in read(file(Doc(NLP.vocab), annotated(), Doc(NLP.vocab)))] == [2]
    assert read(file()) == []


def test_span_groups_are_noted(file):
    only, both = annotated(spans=()), annotated()
    for doc in (only, both):
        doc.spans["sc"] = [doc[:1], doc[:2]]
        doc.spans["empty"] = []
    source = file(only, both)
    assert [r.spans for r in read(source)] == [
        [], [EntitySpan(0, 3, "PER"), EntitySpan(9, 18, "ORG")]
    ]  # fmt: skip
    detail = "spans in doc.spans, which are not read: 2 under 'sc'"
    assert notes(source) == [("only-span-groups", 1, detail), ("span-groups", 2, detail)]


def test_ids_of_entities_are_noted(file):
    doc = annotated()
    doc.set_ents([Span(doc, 0, 1, "PER", kb_id="Q7"), Span(doc, 4, 6, "ORG", span_id="acme")])
    source = file(doc)
    read(source)
    assert notes(source) == [
        ("entity-ids", 1, "the id 'Q7' of 'Ada' is left out"),
        ("entity-ids", 1, "the id 'acme' of 'Acme Inks' is left out"),
    ]


def test_missing_annotation_is_kept(file):
    doc = annotated()
    doc.set_ents(doc.ents, missing=[doc[8:10]], default="outside")
    never = Doc(doc.vocab, words=["never", "seen"])
    source = file(doc, never)
    first, second = FORMAT.read(source, ReadOptions())
    assert [first.text[s:e] for s, e in first.missing] == [doc[8].text, doc[9].text]
    assert [second.text[s:e] for s, e in second.missing] == ["never", "seen"]
    again = align(first, NLP).doc
    assert [t.i for t in again if not t.ent_iob] == [8, 9]
    assert not source.findings


def test_user_data_that_metadata_cannot_hold_is_noted(file):
    doc = annotated(tags=["a"], nothing=None, sure=True, share=0.5)
    doc.user_data[3] = "x"
    Token.set_extension("seen", default=False, force=True)
    doc[0]._.seen = True
    source = file(doc)
    assert read(source)[0].meta == {"id": "a-1", "sure": "True", "share": "0.5"}
    assert notes(source) == [("user-data", 1, "left out: tags, 3, ._..seen.0")]


def test_shards_are_one_source(tmp_path):
    folder = tmp_path / "train.spacy"
    folder.mkdir()
    (folder / "0002.spacy").write_bytes(packed(annotated("b", ()), annotated("c", ())))
    (folder / "0001.spacy").write_bytes(packed(annotated("a", ())))
    (folder / "notes.txt").write_text("not a shard")
    counts = []
    source = Source(folder, "train.spacy", advance=counts.append)
    assert [(r.text, r.meta["id"], r.place) for r in read(source)] == [
        ("a", "train-1", Place("train.spacy", 1)),
        ("b", "train-2", Place("train.spacy", 2)),
        ("c", "train-3", Place("train.spacy", 3)),
    ]
    assert sum(counts) == sum(path.stat().st_size for path in folder.glob("*.spacy"))
    (folder / "0002.spacy").write_bytes(b"?")
    with pytest.raises(DataError, match=r"^train.spacy/0002.spacy: not a DocBin"):
        read(source)


def test_a_folder_without_shards(tmp_path):
    with pytest.raises(DataError, match=r"^x.spacy: .* no .spacy file in it"):
        read(Source(tmp_path, "x.spacy"))


def test_a_compressed_docbin(file):
    [record] = read(file(raw=gzip.compress(packed(annotated())), name="a.spacy.gz"))
    assert record.meta == {"id": "a-1"}


def changed(**fields):
    content = srsly.msgpack_loads(zlib.decompress(packed(annotated())))
    for key, value in fields.items():
        if value == "absent":
            del content[key]
        else:
            content[key] = value
    return zlib.compress(srsly.msgpack_dumps(content))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"garbage",
        b'[{"paragraphs": []}]',
        packed(annotated())[:-20],
        zlib.compress(b""),
        zlib.compress(b"text"),
        zlib.compress(srsly.msgpack_dumps([1])),
        zlib.compress(srsly.msgpack_dumps({})),
        *(
            changed(**{key: "absent"})
            for key in ("attrs", "tokens", "spaces", "lengths", "strings")
        ),
        *(changed(**{key: []}) for key in ("attrs", "tokens", "strings", "cats", "flags")),
        changed(attrs=[64]),
        changed(spaces=b""),
        changed(lengths=5),
        changed(flags=["x"]),
        changed(user_data=["x"]),
        changed(user_data=[srsly.msgpack_dumps([1])]),
        changed(strings=None),
        changed(strings=["", *TEXT.replace(".", " . ").split(), "ORG", " ", "\n"]),
    ],
)
def test_what_is_no_docbin(file, raw):
    with pytest.raises(DataError, match=r"^a.spacy: not a DocBin, or a damaged one \(\w+\). Write"):
        read(file(raw=raw))


def test_a_docbin_is_claimed_by_its_ending_or_content(file, tmp_path):
    by_content = file(annotated(), name="stdin")
    assert FORMAT.matches(by_content.head(), by_content)
    assert FORMAT.matches("garbage", file(raw=b"garbage"))
    assert FORMAT.matches("", Source(tmp_path, "train.spacy"))
    assert not FORMAT.matches("x = 3", file(raw=b"", name="a.txt"))
