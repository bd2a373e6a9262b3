"""From files to files: what is written, what is refused, and that nothing is half-written."""

import json

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Corpus

from spacy_bert_ner.data import docbins
from spacy_bert_ner.data.alignment import align
from spacy_bert_ner.data.conversion import TooMuchLost, convert, into_splits
from spacy_bert_ner.data.formats import FORMATS
from spacy_bert_ner.data.labels import LabelRules
from spacy_bert_ner.data.reading import Reading, read_docs
from spacy_bert_ner.data.records import DataError, Place, Record
from spacy_bert_ner.data.rejects import Corrections
from spacy_bert_ner.data.sentences import join_sentences

NLP = spacy.blank("en")
CONLL = "Ada\tB-PER\nmet\tO\n\nOulu\tB-LOC\n"
PAIRS = [("AcmeCorp paid", [[0, 4, "ORG"]]), ("Oulu won", [[0, 4, "GPE"]])]


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def doccano(*entries):
    return "".join(json.dumps({"text": text, "label": spans}) + "\n" for text, spans in entries)


def docs(path):
    return [
        (doc.text, [(e.text, e.label_) for e in doc.ents])
        for doc in DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    ]


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_named_splits_of_several_formats(tmp_path):
    given = write(tmp_path / "set", train__conll=CONLL, dev__txt="[Oulu](LOC)")
    write(given, test__jsonl=doccano(*PAIRS[1:]))
    summary = convert(Reading(str(given)), tmp_path / "out", NLP)
    assert docs(tmp_path / "out" / "train.spacy") == [
        ("Ada met ", [("Ada", "PER")]),
        ("Oulu ", [("Oulu", "LOC")]),
    ]
    assert docs(tmp_path / "out" / "dev.spacy") == [("Oulu", [("Oulu", "LOC")])]
    assert names(tmp_path / "out") == ["conversion.json", "dev.spacy", "test.spacy", "train.spacy"]
    assert [*summary.written.values()] == [(2, 2), (1, 1), (1, 1)]
    assert json.loads((tmp_path / "out" / "conversion.json").read_text())["spans"] == 4


def test_splits_in_folders_and_under_other_tools_names(tmp_path):
    given = write(tmp_path / "set")
    for folder, name in (("a", "train"), ("b", "train"), ("a", "validation"), ("a", "test")):
        write(given / folder, **{f"{name}__conll": CONLL})
    summary = convert(Reading(str(given)), tmp_path / "out", NLP)
    assert [*summary.written.values()] == [(4, 4), (2, 2), (2, 2)]


def test_pooled_files_are_split(tmp_path):
    text = "\n\n".join(f"[Oulu](LOC) {i}" for i in range(20))
    given = write(tmp_path / "set", a__txt=text, b__txt=text.replace("u", "a"))
    summary = convert(Reading(str(given)), tmp_path / "out", NLP)
    assert sum(documents for documents, _ in summary.written.values()) == 40
    other = convert(Reading(str(given)), tmp_path / "out", NLP, placing=into_splits(0.25, 0.25))
    assert [documents for documents, _ in other.written.values()] == [20, 10, 10]


def test_documents_that_say_their_split(tmp_path):
    text = "# split = train\n[a](X)\n\n# split = dev\n[b](X)\n\n# split = test\n[c](X)\n"
    convert(Reading(str(write(tmp_path / "s", all__txt=text))), tmp_path / "out", NLP)
    assert docs(tmp_path / "out" / "dev.spacy") == [("b", [("b", "X")])]
    given = write(tmp_path / "s", more__txt="[d](X)")
    with pytest.raises(DataError, match=r"3 of 4 documents say their split"):
        convert(Reading(str(given)), tmp_path / "out", NLP)


def test_one_file(tmp_path):
    given = write(tmp_path / "set", train__conll=CONLL)
    convert(Reading(str(given / "train.conll")), tmp_path / "all.spacy", NLP)
    assert names(tmp_path) == ["all.spacy", "set"]
    assert len(docs(tmp_path / "all.spacy")) == 2


@pytest.mark.parametrize("to", ["conll", "prodigy", "doccano", "inline"])
def test_formats_lead_to_one_another_and_back(tmp_path, to):
    given = write(tmp_path / "set", a__txt="[Ada](PER) met [x\\]](ORG).\n\nNothing.")
    form = FORMATS[to]
    target = tmp_path / f"there{form.endings[0]}"
    convert(Reading(str(given)), target, NLP, to=form)
    convert(Reading(str(target)), tmp_path / "back.spacy", NLP)
    assert docs(tmp_path / "back.spacy") == [
        ("Ada met x].", [("Ada", "PER"), ("x]", "ORG")]), ("Nothing.", []),
    ]  # fmt: skip
    assert names(tmp_path) == sorted(["back.spacy", "set", target.name])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no annotation file"),
        ({"README__md": "hello"}, "no annotation file"),
        ({"train__txt": "[a](X)", "test__txt": "[a](X)"}, "there is no document for dev"),
        ({"train__txt": "[a](X)", "dev__txt": "", "test__txt": "[a](X)"}, "no document for dev"),
        ({"train__txt": "[a](X)", "dev__txt": "a", "test__txt": "[a](X)"},
         "no document of the dev split has an entity"),
        ({"train__txt": "b\n\n[a](X)", "dev__txt": "[a](Y)", "test__txt": "[a](X)",
          "labels__txt": "X Z"},
         r"dev.txt:1: the label 'Y' of 'a' is not in .*labels.txt. Labels there: X, Z"),
        ({"train__txt": "[a](X)", "dev__txt": "[a](X)", "test__txt": "[a](X)",
          "more__txt": "[a](X)"},
         r"files beside train, dev and test that would go unread: .*more.txt"),
        ({"train__spacy": "garbage", "dev__txt": "[a](Y)", "test__txt": "[a](X)"},
         r"train.spacy: not a DocBin"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_used_leaves_nothing_behind(tmp_path, files, message):
    given = write(tmp_path / "set", **files)
    with pytest.raises(DataError, match=message):
        convert(Reading(str(given)), tmp_path / "out", NLP)
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_the_earlier_corpus_as_it_was(tmp_path, monkeypatch):
    given = write(tmp_path / "set", train__conll=CONLL, dev__conll=CONLL, test__conll=CONLL)
    convert(Reading(str(given)), tmp_path / "out", NLP)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    write(given, test__conll=CONLL + "\nbroken\n")
    # Even where shards were written before the mistake is met.
    monkeypatch.setattr(docbins, "SHARD_DOCUMENTS", 1)
    with pytest.raises(DataError, match=r"test.conll:6"):
        convert(Reading(str(given)), tmp_path / "out", NLP)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def test_large_splits_are_folders_of_shards(tmp_path, monkeypatch):
    text = "\n".join(f"w{i}\tB-X\n" for i in range(5))
    given = write(tmp_path / "set", a__conll=text) / "a.conll"
    target = tmp_path / "a.spacy"
    convert(Reading(str(given)), target, NLP)
    monkeypatch.setattr(docbins, "SHARD_DOCUMENTS", 2)
    convert(Reading(str(given)), target, NLP)
    assert names(target) == ["0001.spacy", "0002.spacy", "0003.spacy"]
    assert [e.reference.text for e in Corpus(target)(NLP)] == [f"w{i} " for i in range(5)]
    assert [d.ents[0].text for d in read_docs(target, NLP)] == [f"w{i}" for i in range(5)]
    monkeypatch.undo()
    convert(Reading(str(given)), target, NLP)
    assert len(docs(target)) == 5


def test_rejects_are_listed_and_can_be_given_back(tmp_path):
    given = write(tmp_path / "set", a__jsonl=doccano(*PAIRS))
    summary = convert(Reading(str(given)), tmp_path / "a.spacy", NLP)
    assert summary.loss == 50
    assert summary.document_loss == 50
    assert summary.rejected == {"not-whole-tokens": 1}
    rejects = tmp_path / "a.rejects.jsonl"
    assert summary.rejects_file == str(rejects)
    listed = json.loads(rejects.read_text())
    assert (listed["line"], listed["text"], listed["reason"]) == (1, "Acme", "not-whole-tokens")
    assert listed["proposal"] == {"start": 0, "end": 8, "label": "ORG", "text": "AcmeCorp"}

    again = Reading(str(given), corrections=Corrections(rejects))
    assert convert(again, tmp_path / "b.spacy", NLP).loss == 0
    assert docs(tmp_path / "b.spacy")[0] == ("AcmeCorp paid", [("AcmeCorp", "ORG")])
    assert not (tmp_path / "b.rejects.jsonl").exists()

    rejects.write_text(json.dumps({**listed, "proposal": None}))
    gone = Reading(str(given), corrections=Corrections(rejects))
    assert convert(gone, tmp_path / "c.spacy", NLP).removed == 1
    assert docs(tmp_path / "c.spacy")[0] == ("AcmeCorp paid", [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 1}, r"a.rejects.jsonl:1: no span 1–4 \(ORG\) in document 'a-1' of "),
        ({"proposal": {"start": 0}}, r"a.rejects.jsonl:1: not a line of a rejects file \('end'\)"),
        ({"proposal": {"start": "0", "end": 8}}, r":1: offsets must be whole numbers"),
        ({"path": None}, r"no span 0–4 \(ORG\) in document 'a-1' of None"),
    ],
)
def test_corrections_that_fit_nothing(tmp_path, change, message):
    given = write(tmp_path / "set", a__jsonl=doccano(*PAIRS))
    convert(Reading(str(given)), tmp_path / "a.spacy", NLP)
    rejects = tmp_path / "a.rejects.jsonl"
    rejects.write_text(json.dumps({**json.loads(rejects.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        convert(Reading(str(given), corrections=Corrections(rejects)), tmp_path / "b.spacy", NLP)
    assert not (tmp_path / "b.spacy").exists()


def test_too_much_loss_is_an_error_that_leaves_the_rejects(tmp_path):
    given = write(tmp_path / "set", a__jsonl=doccano(*PAIRS))
    convert(Reading(str(given)), tmp_path / "a.spacy", NLP, max_loss=50)
    with pytest.raises(TooMuchLost, match=r"1 of 2 spans \(50.00 %\) .* allows 49.9 %.*'Acme'"):
        convert(Reading(str(given)), tmp_path / "b.spacy", NLP, max_loss=49.9)
    assert names(tmp_path) == ["a.rejects.jsonl", "a.spacy", "b.rejects.jsonl", "set"]


def test_labels_are_renamed_kept_and_dropped(tmp_path):
    given = write(tmp_path / "set", a__txt="[a](Per) [b](LOC) [c](MISC) [d](X)")
    rules = LabelRules({"Per": "PER", "Nope": "N"}, keep=["PER", "LOC", "MISC"], drop=["MISC"])
    summary = convert(Reading(str(given), labels=rules), tmp_path / "a.spacy", NLP)
    assert docs(tmp_path / "a.spacy") == [("a b c d", [("a", "PER"), ("b", "LOC")])]
    assert summary.dropped == {"MISC": 1, "X": 1}
    assert summary.unseen_labels == ["Nope"]


def test_sentences_of_a_document_are_joined(tmp_path):
    text = f"-DOCSTART-\tO\n\n{CONLL}\n-DOCSTART-\tO\n\nEnd\tO\n"
    given = write(tmp_path / "set", a__conll=text)
    convert(Reading(str(given), whole_documents=True), tmp_path / "a.spacy", NLP)
    first, second = DocBin().from_disk(tmp_path / "a.spacy").get_docs(NLP.vocab)
    assert [t.text for t in first] == ["Ada", "met", "Oulu"]
    assert [t.is_sent_start for t in first] == [True, False, True]
    assert [(e.start, e.label_) for e in first.ents] == [(0, "PER"), (2, "LOC")]
    assert second.text.strip() == "End"


def test_reading_without_any_loss(tmp_path):
    given = write(tmp_path / "set", a__jsonl=doccano(*PAIRS))
    with pytest.raises(DataError, match=r"a.jsonl:1: 'Acme' \(ORG\) is not a whole number"):
        list(read_docs(given, NLP))


def test_joining_sentences_keeps_missing_annotation():
    first, second = (
        Record(
            text, [], Place("x", line), words=[(0, 3), (4, 8)], missing=[(4, 8)],
            meta={"id": text, "document": "d"},
        )
        for line, text in enumerate(["Ada left", "Bob slid"], start=1)
    )  # fmt: skip
    (joined,) = join_sentences([first, second])
    assert [joined.text[start:end] for start, end in joined.missing] == ["left", "slid"]
    assert [t.text for t in align(joined, NLP).doc if not t.ent_iob] == ["left", "slid"]


def test_texts_without_words_are_no_sentences():
    texts = [Record("a, b", [], Place("x"), meta={"document": "d"}) for _ in range(2)]
    assert list(join_sentences(texts)) == texts


def test_rejects_with_separators_of_lines_in_them(tmp_path):
    text = "AcmeCorp\u2028paid\x85"
    given = write(tmp_path / "set", a__jsonl=doccano((text, [[0, 4, "ORG"]])))
    convert(Reading(str(given)), tmp_path / "a.spacy", NLP)
    again = Reading(str(given), corrections=Corrections(tmp_path / "a.rejects.jsonl"))
    assert convert(again, tmp_path / "b.spacy", NLP).loss == 0
