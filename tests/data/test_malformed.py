"""Files that cannot be used: one clear line with the file and the place, and nothing written."""

import gzip
import json
import re
import zipfile
from io import BytesIO

import pytest
from typer.testing import CliRunner

from spacy_bert_ner.cli import app


def prodigy(**changes):
    task = {"text": "Acme paid", "spans": [{"start": 0, "end": 4, "label": "ORG"}], **changes}
    return json.dumps({k: v for k, v in task.items() if v is not ...}) + "\n"


def span(**changes):
    return prodigy(spans=[{"start": 0, "end": 4, "label": "ORG", **changes}])


def doccano(label, text="Acme paid"):
    return json.dumps({"text": text, "label": label}) + "\n"


def tokens(**changes):
    return json.dumps({"tokens": ["Acme", "paid"], "ner_tags": ["B-ORG", "O"], **changes}) + "\n"


def studio(value, **task):
    region = {"type": "labels", "from_name": "l", "to_name": "t", "value": value}
    task = {"id": 1, "data": {"text": "Acme paid"}, "annotations": [{"result": [region]}], **task}
    return json.dumps([task])


GOOD = {"start": 0, "end": 4, "labels": ["ORG"]}
BRAT = {"b.txt": "Acme paid"}

# File name, content, what the message says after the file name; and further files, if any.
CASES = [
    # CoNLL
    ("a.conll", "Acme\tB-ORG\npaid\n", r":2: expected a token and a tag, got 'paid'"),
    ("a.conll", "Acme\tB-ORG\npaid\tX\n", r":2: 'X' is no tag"),
    ("a.conll", "Acme\tB-ORG\npaid\tB-\n", r":2: 'B-' is no tag"),
    ("a.conll", "Acme\tB-ORG\npaid\t\n", r":2: '' is no tag"),
    ("a.conll", "Acme\tB-ORG\n\tB-ORG\n", r":2: no token before the tag 'B-ORG'"),
    ("a.conll", "Acme paid\n", r":1: no column of 'Acme paid' holds a tag"),
    ("a.conll", "just one column\n" * 3, r":1: no column"),
    ("a.conll", "", r": no document in it"),
    ("a.conll", "\n\n\n", r": no document in it"),
    ("a.conll", b"\x00\x01\x02\x03\n", r":1: no column"),
    ("a.conll", b"Orl\xe9ans\tB-LOC\n", r":1: not UTF-8 text \(byte 0xe9\)"),
    ("a.conll", b"Oulu\tB-LOC\nOrl\xe9ans\tB-LOC\n", r":2: not UTF-8 text \(byte 0xe9\)"),
    ("a.iob2", "Acme\tB-ORG\nis\tI-ORG\tmore\nx\ty\n", r":3: 'y' is no tag"),
    ("a.conll.gz", gzip.compress(b"Acme\tB-ORG\n" * 50)[:-9], r": cannot be read to its end"),
    ("a.conll.gz", b"\x1f\x8bgarbage", r": cannot be read"),
    # Inline
    ("a.txt", "fine\n\nbut [this", r":3: '\[' is never closed"),
    ("a.txt", "but ](ORG)", r":1: '\]' without '\['"),
    ("a.txt", "[a]", r":1: no \(LABEL\) after"),
    ("a.txt", "[a [b](ORG)](ORG)", r":1: '\[' inside another label"),
    ("a.txt", "x\n[](ORG)", r":2: empty label"),
    ("a.txt", "[a]()", r":1: no \(LABEL\) after"),
    ("a.txt", b"[Orl\xe9ans](GPE)", r":1: not UTF-8 text"),
    ("a.txt", "", r": no document in it"),
    # Prodigy
    ("a.jsonl", prodigy() + prodigy()[:-9], r":2: not JSON"),
    ("a.jsonl", prodigy() + "garbage\n", r":2: not JSON"),
    ("a.jsonl", prodigy() + "[]\n", r":2: "),
    ("a.jsonl", prodigy() + "null\n", r":2: "),
    ("a.jsonl", prodigy() + prodigy(text=...), r":2: .*text"),
    ("a.jsonl", prodigy() + prodigy(text=5), r":2: .*text.* 5"),
    ("a.jsonl", prodigy(spans="none"), r""),
    ("a.jsonl", prodigy() + prodigy(spans={"start": 0}), r":2: .*spans"),
    ("a.jsonl", prodigy() + prodigy(spans=[[0, 4, "ORG"]]), r":2: "),
    ("a.jsonl", span(start="0"), r":1: .*'0'"),
    ("a.jsonl", span(start=None), r":1: .*(null|None)"),
    ("a.jsonl", span(start=0.0), r":1: .*0\.0"),
    ("a.jsonl", span(end=True), r":1: .*(true|True)"),
    ("a.jsonl", span(label=None), r":1: .*(null|None)"),
    ("a.jsonl", span(label=7), r":1: .*7"),
    ("a.jsonl", span(label=""), r":1: .*''\]"),
    ("a.jsonl", prodigy() + prodigy(answer="maybe"), r":2: .*maybe"),
    ("a.jsonl", prodigy() + prodigy(tokens=[{"text": "Acme"}]), r":2: "),
    ("a.jsonl", prodigy(answer="reject"), r": no document in it"),
    ("a.jsonl", "[" * 100_000, r""),
    ("a.jsonl", prodigy() + '{"a":' * 100_000, r":2: not JSON"),
    # doccano
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano([[0, 4]]), r":2: "),
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano([[0, "4", "ORG"]]), r":2: .*'4'"),
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano([["ORG", 0, 4]]), r":2: .*'ORG'"),
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano(5), r":2: "),
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano(["positive"]), r":2: "),
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano([[0, 4, ["ORG"]]]), r":2: "),
    ("a.jsonl", doccano([[0, 4, "ORG"]]) + doccano([], text=None), r":2: .*text"),
    # spaCy tuples
    ("a.json", '[["Acme paid", {"entities": [[0, 4, "ORG"]]}], ["x"]]', r":1: "),
    ("a.json", '[["Acme paid", {"entities": [[0, 4, "ORG"]]}], [5, {}]]', r":1: .*5"),
    ("a.json", '[["Acme paid", {"entities": [[0, 4, "ORG"]]}]', r":1: "),
    ("a.json", '[["Acme paid", {"entities": [[0, 4, "ORG"]]}],\n["x", {"entities": 3}]]', r":2: "),
    ("a.json", '[["Acme paid", {"entities": [[0, 4]]}]]', r":1: "),
    ("a.py", "TRAIN_DATA = [('Acme paid', {'entities': [(0, 4, 'ORG')]})", r""),
    ("a.py", "TRAIN_DATA = [('Acme paid', {'entities': [(0, open('x'), 'ORG')]})]", r":1: "),
    # Hugging Face
    ("a.jsonl", tokens() + tokens(ner_tags=["B-ORG"]), r":2: 2 tokens, but 1 tags"),
    ("a.jsonl", tokens() + tokens(ner_tags=["B-ORG", "what is this"]), r":2: .*what is this"),
    ("a.jsonl", tokens() + tokens(ner_tags=[1, 0]), r":2: .*--class-names"),
    ("a.jsonl", tokens() + tokens(ner_tags=[None, "O"]), r":2: .*(null|None)"),
    ("a.jsonl", tokens() + tokens(tokens=["Acme", 5]), r":2: .*5"),
    ("a.jsonl", tokens() + tokens(tokens="Acme paid"), r":2: .*'tokens'"),
    ("a.jsonl", tokens() + "{}\n", r":2: "),
    ("a.parquet", b"PAR1 and then nothing of the kind", r": "),
    ("a.parquet", b"not parquet at all", r": "),
    # Label Studio
    ("a.json", studio({**GOOD, "start": "x"}), r":1: .*x"),
    ("a.json", studio({**GOOD, "end": None}), r":1: .*(null|None)"),
    ("a.json", studio({**GOOD, "labels": "ORG"}), r":1: .*ORG"),
    ("a.json", studio({**GOOD, "labels": [5]}), r":1: .*5"),
    ("a.json", studio(GOOD, data={"number": 5}), r":1: .*data"),
    ("a.json", studio(GOOD, data="Acme paid"), r":1: .*Acme paid"),
    ("a.json", studio(GOOD, annotations="none"), r":1: .*none"),
    ("a.json", studio(GOOD, annotations=[{"result": 5}]), r":1: .*5"),
    ("a.json", studio(GOOD)[:-4], r": "),
    ("a.json", studio(GOOD, annotations=[{"was_cancelled": True, "result": []}]), r": no document"),
    # brat
    ("b.ann", "T1\tORG 0 4\tAcme\nT2\n", r":2: ", BRAT),
    ("b.ann", "T1\tORG zero 4\tAcme\n", r":1: .*zero", BRAT),
    ("b.ann", "T1\tORG 0\tAcme\n", r":1: ", BRAT),
    ("b.ann", "T1\t0 4\tAcme\n", r":1: ", BRAT),
    ("b.ann", "T1\tORG 0 4;\tAcme\n", r":1: ", BRAT),
    ("b.ann", "T1\tORG 0 4\tAcme\n???\n", r":2: .*\?\?\?", BRAT),
    ("b.ann", "T1\tORG 0 4\tAcme\n", r": .*b.txt"),
    ("b.ann", b"T1\tORG 0 4\t\xff\n", r":1: not UTF-8", BRAT),
    # CSV of spans
    ("a.csv", "text,start,end,label\nAcme paid,0,4,ORG\nAcme paid,x,4,ORG\n", r":3: .*x"),
    ("a.csv", "text,start,end,label\nAcme paid,0,4\n", r":2: "),
    ("a.csv", "text,start,end,label\nAcme paid,0,4,ORG,more\n", r":2: "),
    ("a.csv", "text,start,end,label\nAcme paid,0,4.5,ORG\n", r":2: .*4\.5"),
    ("a.csv", "text,start,end,label\nAcme paid,0,,ORG\n", r":2: "),
    ("a.csv", "text,start,label\nAcme paid,0,ORG\n", r": "),
    ("a.csv", "", r": "),
    ("a.tsv", "a\tb\tc\n1\t2\t3\n", r": "),
    ("a.csv", b"text,start,end,label\nOrl\xe9ans,0,7,GPE\n", r":2: not UTF-8"),
    # UIMA
    ("a.xmi", "<xmi:XMI", r": "),
    ("a.xmi", "not XML", r": "),
    ("a.zip", b"PK not a zip", r": "),
    # DocBin
    ("a.spacy", "garbage", r": not a DocBin"),
    ("a.spacy", "", r": not a DocBin"),
    ("a.spacy", gzip.compress(b"garbage"), r": not a DocBin"),
    # Formats that cannot be told
    ("a.dat", b"\x89PNG\r\n\x1a\n\x00\x00", r": its format cannot be told"),
    ("a.dat", "nothing in particular\n", r": its format cannot be told"),
    ("a.json", "{}", r": its format cannot be told"),
    ("a.json", "[]", r": its format cannot be told"),
    ("a.json", '"text"', r": its format cannot be told"),
    ("a.zip", None, r": "),
]  # fmt: skip

# Spans that no entity can be made of are rejected; where nothing may be lost, that is an error.
LOSSES = [
    ("a.jsonl", span(start=-4), r":1: 'Acme' \(ORG\) its offsets lie outside the text"),
    ("a.jsonl", span(end=40), r":1: 'Acme paid' \(ORG\) its offsets lie outside the text"),
    ("a.jsonl", span(end=0), r":1: '' \(ORG\) is empty"),
    ("a.jsonl", span(end=3), r":1: 'Acm' \(ORG\) is not a whole number of tokens"),
    ("a.jsonl", doccano([[0, 4, "A"], [0, 9, "B"]]), r":1: 'Acme' \(A\) lies inside another"),
    ("a.jsonl", doccano([[0, 4, "A"], [0, 4, "B"]]), r":1: 'Acme' \(B\) lies inside another"),
    ("b.ann", "T1\tORG 0 2;5 9\tAc paid\n", r":1: 'Acme paid' \(ORG\) is discontinuous", BRAT),
]


def attempt(tmp_path, name, content, others, *options):
    given = tmp_path / "in"
    given.mkdir()
    if content is None:
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("nothing.txt", "of use")
        content = buffer.getvalue()
    for file, text in {name: content, **others}.items():
        (given / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    out = tmp_path / "out"
    out.mkdir()
    result = CliRunner().invoke(app, ["convert", str(given / name), str(out / "o.spacy"), *options])
    return result, given, out


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{str(case[1])[:30]!r}")
def test_one_line_with_file_and_place(tmp_path, case):
    name, content, message, *others = case
    result, given, out = attempt(tmp_path, name, content, others[0] if others else {})
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.output.count("\n") == 1, result.output
    assert re.match(f"✘ {re.escape(str(given / name))}{message}", result.output), result.output
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: f"{case[0]}-{str(case[1])[:30]!r}")
def test_a_span_that_cannot_be_an_entity(tmp_path, case):
    name, content, message, *others = case
    others = others[0] if others else {}
    result, given, out = attempt(tmp_path, name, content, others, "--max-loss", "0")
    assert result.exit_code == 1, result.output
    assert result.output.count("\n") == 1, result.output
    assert re.search(f"first: {re.escape(str(given / name))}{message}", result.output)
    assert [path.name for path in out.iterdir()] == ["o.rejects.jsonl"]


def test_there_are_a_hundred():
    assert len(CASES) + len(LOSSES) >= 100
