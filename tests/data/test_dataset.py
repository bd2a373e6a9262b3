import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_bert_ner.data.dataset import read_dataset, write_splits
from spacy_bert_ner.data.docs import make_doc
from spacy_bert_ner.data.inline import parse_markup
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.splits import split_documents
from spacy_bert_ner.data.statistics import SplitStatistics

NLP = spacy.blank("en")
CONLL = "Ada\tB-PER\nmet\tO\n\nOulu\tB-LOC\n"


def record(markup, **meta):
    text, spans = parse_markup(markup, Place("f.txt", 3))
    return Record(text, spans, Place("f.txt", 3), meta={"id": "d1", **meta})


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_doc_of_a_text():
    doc = make_doc(record("[Ada Lovelace](PERSON) met \\[x\\].", genre="news"), NLP)
    assert doc.text == "Ada Lovelace met [x]."
    assert [(e.text, e.label_) for e in doc.ents] == [("Ada Lovelace", "PERSON")]
    assert doc.user_data == {"id": "d1", "genre": "news"}
    assert all(token.ent_iob != 0 for token in doc)


def test_doc_of_words():
    words = [(0, 3), (4, 9), (9, 10)]
    doc = make_doc(Record("Ada co-op.", [EntitySpan(4, 9, "ORG")], Place("f"), words=words), NLP)
    assert [t.text for t in doc] == ["Ada", "co-op", "."]
    assert doc.text == "Ada co-op."
    assert [(e.text, e.label_) for e in doc.ents] == [("co-op", "ORG")]


def test_span_that_cuts_a_token():
    with pytest.raises(DataError, match=r"f.txt:4: 'U.S.' \(GPE\) in document 'd1' .*'U.S.-based'"):
        make_doc(record("a\n[U.S.](GPE)-based firm"), NLP)


def test_overlap():
    spans = [EntitySpan(0, 12, "ORG"), EntitySpan(4, 12, "GPE")]
    with pytest.raises(DataError, match=r"'of Spain' \(GPE\) overlaps 'Bnk of Spain' \(ORG\)"):
        make_doc(Record("Bnk of Spain", spans, Place("f")), NLP)


def test_split_is_stratified_seeded_and_complete():
    records = [record(f"text {g} {i}", genre=g) for g in ("a", "b") for i in range(20)]
    splits = split_documents(records, dev=0.2, test=0.1, seed=1)
    assert {name: len(members) for name, members in splits.items()} == {
        "train": 28, "dev": 8, "test": 4,
    }  # fmt: skip
    for genre in ("a", "b"):
        assert [sum(r.meta["genre"] == genre for r in m) for m in splits.values()] == [14, 4, 2]
    assert sorted(r.text for m in splits.values() for r in m) == sorted(r.text for r in records)
    backwards = split_documents(records[::-1], dev=0.2, test=0.1, seed=1)
    assert {r.text for r in backwards["test"]} == {r.text for r in splits["test"]}
    other = split_documents(records, dev=0.2, test=0.1, seed=2)
    assert {r.text for r in other["test"]} != {r.text for r in splits["test"]}


def test_named_splits_and_docbin(tmp_path):
    doc = Doc(NLP.vocab, words=["Oulu"], ents=["B-LOC"])
    folder = write(tmp_path / "set", train_conll=CONLL, dev_txt="[Oulu](LOC)")
    DocBin(docs=[doc]).to_disk(folder / "test.spacy")
    splits = read_dataset(folder, NLP)
    assert {name: [len(d.ents) for d in docs] for name, docs in splits.items()} == {
        "train": [1, 1], "dev": [1], "test": [1],
    }  # fmt: skip


def test_pooled_files_are_split(tmp_path):
    text = "\n\n".join(f"[Oulu](LOC) {i}" for i in range(20))
    splits = read_dataset(write(tmp_path / "set", a_txt=text, b_txt=text.replace("u", "a")), NLP)
    assert sum(map(len, splits.values())) == 40


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no annotation file"),
        ({"train_txt": "[a](X)", "test_txt": "[a](X)"}, "there is no file for dev"),
        ({"train_txt": "[a](X)", "dev_txt": "", "test_txt": "[a](X)"}, "the dev split is empty"),
        ({"train_txt": "[a](X)", "dev_txt": "a", "test_txt": "[a](X)"},
         "no document of the dev split has an entity"),
        ({"a_txt": "[a](X)"}, "the dev split is empty|the train split is empty"),
        ({"train_txt": "b\n\n[a](X)", "dev_txt": "[a](Y)", "test_txt": "[a](X)", "labels_txt": "X Z"},
         r"dev.txt:1: the label 'Y' of 'a' is not in labels.txt. Labels there: X, Z"),
        ({"train_txt": "[a](X)", "dev_txt": "[a](X)", "test_txt": "[a](X)", "more_txt": "[a](X)"},
         "files beside train, dev and test that would go unread: more.txt"),
        ({"train_txt": "[a](X)", "train_conll": CONLL, "dev_txt": "[a](X)", "test_txt": "[a](X)"},
         "files beside train, dev and test that would go unread: train.conll"),
        ({"train_spacy": "garbage", "dev_txt": "[a](Y)", "test_txt": "[a](X)"},
         r"train.spacy: not a DocBin file"),
    ],
)  # fmt: skip
def test_datasets_that_cannot_be_used(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        read_dataset(write(tmp_path / "set", **files), NLP)


def test_unknown_dataset_lists_those_there_are(tmp_path):
    write(tmp_path / "mine")
    with pytest.raises(DataError, match=r"no such dataset.*: mine\..*--extra"):
        read_dataset(tmp_path / "yours", NLP)


def test_not_utf8(tmp_path):
    folder = write(tmp_path / "set")
    (folder / "a.txt").write_bytes("[Orléans](GPE)".encode("latin-1"))
    with pytest.raises(DataError, match=r"a.txt: not UTF-8 text \(byte 4\)"):
        read_dataset(folder, NLP)


def test_writing_is_all_or_nothing(tmp_path):
    doc = make_doc(record("[Ada](PERSON) left"), NLP)
    write_splits({"train": [doc], "dev": [doc]}, tmp_path)
    before = (tmp_path / "train.spacy").read_bytes()
    with pytest.raises(AttributeError):
        write_splits({"train": [doc, doc], "dev": ["not a doc"]}, tmp_path)
    assert (tmp_path / "train.spacy").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dev.spacy", "train.spacy"]
    (again,) = DocBin().from_disk(tmp_path / "dev.spacy").get_docs(NLP.vocab)
    assert again.user_data["id"] == "d1"


def test_statistics():
    docs = [make_doc(record("[Ada](PERSON) met\n[Ada](PERSON) in [Oulu](GPE)"), NLP), NLP("one")]
    counts = SplitStatistics.of(docs)
    assert counts.to_json() == {
        "documents": 2, "words": 6, "entities": 3, "longest": 5,
        "mentions": {"GPE": 1, "PERSON": 2}, "forms": {"GPE": 1, "PERSON": 1},
    }  # fmt: skip
