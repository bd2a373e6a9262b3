"""spaCy's training tuples, after https://v2.spacy.io/usage/training#training-simple-style, and Docs
as JSON, as Doc.to_json() writes them; the texts are made up."""

import json

import pytest
import spacy
from format_checks import notes
from spacy.tokens import Span

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.doccano import FORMAT as DOCCANO
from spacy_bert_ner.data.formats.prodigy import FORMAT as PRODIGY
from spacy_bert_ner.data.formats.spacy_tuples import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

PAIRS = [
    ["Ada Berg left Oslo.", {"entities": [[0, 8, "PERSON"], [14, 18, "GPE"]]}],
    ["Nobody came.", {"entities": []}],
]
SPANS = [EntitySpan(0, 8, "PERSON"), EntitySpan(14, 18, "GPE")]
PYTHON = '''"""Training data."""
import random

LABELS = ["PERSON", "GPE"]
COLORS = [("PERSON", "red"), ("GPE", "blue")]

TRAIN_DATA = [
    # A comment.
    ("Ada Berg left Oslo.", {"entities": [(0, 8, "PERSON"), (14, 18, 'GPE')]}),
    (
        "Nobody "
        "came.",
        {"entities": []},
    ),
]

random.shuffle(TRAIN_DATA)
raise SystemExit("never run")
'''


@pytest.fixture
def file(tmp_path):
    def make(text, name="a.json"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return Source(path, name)

    return make


def records(source):
    return list(FORMAT.read(source, ReadOptions()))


@pytest.mark.parametrize(
    ("text", "name", "lines"),
    [
        (json.dumps(PAIRS), "a.json", (1, 1)),
        (json.dumps(PAIRS), "a.txt", (1, 1)),
        (json.dumps(PAIRS, indent=1), "a.json", (2, 19)),
        ("\n".join(map(json.dumps, PAIRS)), "a.jsonl", (1, 2)),
        (PYTHON, "a.py", (9, 10)),
        (PYTHON, "a.txt", (9, 10)),
        (repr(PAIRS), "a.txt", (1, 1)),
        (repr([tuple(pair) for pair in PAIRS]), "a.py", (1, 1)),
        (f"TRAIN: list = {PAIRS!r}", "a.py", (1, 1)),
        (f"DATA = {tuple(map(tuple, PAIRS))!r}", "a.py", (1, 1)),
        (json.dumps(PAIRS), "a.py", (1, 1)),
    ],
)
def test_pairs_in_all_their_dresses(file, text, name, lines):
    source = file(text, name)
    assert FORMAT.matches(source.head(), source)
    assert records(source) == [
        Record("Ada Berg left Oslo.", SPANS, Place(name, lines[0])),
        Record("Nobody came.", [], Place(name, lines[1])),
    ]
    assert notes(source) == []


def test_python_files_are_not_run(file, tmp_path):
    target = tmp_path / "made"
    source = file(f"open({str(target)!r}, 'w')\nDATA = {PAIRS!r}", "a.py")
    assert len(records(source)) == 2
    assert not target.exists()


def test_ids_of_a_knowledge_base_are_passed_over(file):
    [record] = records(file('[["Oslo", {"entities": [[0, 4, "GPE", "Q585"]]}]]'))
    assert record.spans == [EntitySpan(0, 4, "GPE")]


def test_spans_beside_entities_are_counted(file):
    source = file(
        '[["Oslo", {"entities": [], "spans": {"sc": [[0, 4, "GPE"]]}, "cats": {"A": 1}}]]'
    )
    assert records(source)[0].spans == []
    assert notes(source) == [
        ("unused-annotations", 1, "spans of 'Oslo': {'sc': [[0, 4, 'GPE']]}"),
    ]


def test_wrong_spans_are_passed_on(file):
    offsets = [(3, 1), (-4, 2), (0, 99), (2, 2), (0, 3), (0, 3), (1, 4)]
    pair = ["Oslo", {"entities": [[*pair, "X"] for pair in offsets]}]
    [record] = records(file(json.dumps([pair])))
    assert [(span.start, span.end) for span in record.spans] == offsets


def test_escapes_of_python_strings(file):
    text = r"""D = [("a\d\ud83d\u00e9" "\n", {"entities": ((0, 1, u"X"),)})]"""
    source = file(text, "a.py")
    [record] = records(source)
    assert (record.text, record.spans) == ("a\\d\ufffdé\n", [EntitySpan(0, 1, "X")])
    assert [check for check, _, _ in notes(source)] == ["encoding"]


def make_doc():
    doc = spacy.blank("en")("Ada Berg left  Oslo. Bo stayed.")
    doc.ents = [Span(doc, 0, 2, "PERSON"), Span(doc, 4, 5, "GPE")]
    return doc


@pytest.mark.parametrize("layout", ["{}\n{}\n", "[{},\n{}]"])
def test_docs_as_json(file, layout):
    doc = make_doc()
    doc.spans["sc"] = [doc[0:1]]
    line = json.dumps(doc.to_json())
    source = file(layout.format(line, line))
    assert FORMAT.matches(source.head(), source)
    assert not DOCCANO.matches(source.head(), source)
    assert not PRODIGY.matches(source.head(), source)
    first, second = records(source)
    assert second == Record(
        doc.text,
        [EntitySpan(0, 8, "PERSON"), EntitySpan(15, 19, "GPE")],
        Place("a.json", 2),
        words=[(token.idx, token.idx + len(token)) for token in doc],
    )
    assert first.spans == second.spans
    assert [(check, detail[:50]) for check, _, detail in notes(source)] == [
        ("unused-annotations", "spans of 'Ada Berg left  Oslo. Bo stayed.': {'sc':"),
    ] * 2


def test_docs_without_tokens(file):
    [record] = records(file('{"text": "Oslo", "ents": [{"start": 0, "end": 4, "label": "GPE"}]}'))
    assert (record.spans, record.words) == ([EntitySpan(0, 4, "GPE")], None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["Oslo", {"entities": [', "not JSON"),
        ("7", "7 is not a pair of text and annotations"),
        ('["Oslo"]', r"\['Oslo'\] is not a pair of text and annotations"),
        ('["Oslo", {}, 1]', r"\['Oslo', {}, 1\] is not a pair"),
        ('[null, {"entities": []}]', "the text must be a string, not None"),
        ('["Oslo", [[0, 4, "GPE"]]]', r"the annotations must be a JSON object, not \[\[0, 4, 'GPE'\]\]"),
        ('["Oslo", {"cats": {"A": 1}}]', r"no 'entities' among the annotations {'cats': {'A': 1}}"),
        ('["Oslo", {"entities": 3}]', "'entities' must be a list, not 3"),
        ('["Oslo", {"entities": ["B-GPE"]}]', "an entity must be a list, not 'B-GPE'"),
        ('["Oslo", {"entities": [[0, 4]]}]', r"the entity \[0, 4\] is not made of start, end and label"),
        ('["Oslo", {"entities": [["0", 4, "A"]]}]', r"the span \['0', 4, 'A'\] is not made of two whole"),
        ('["Oslo", {"entities": [[0, 4, null]]}]', r"the span \[0, 4, None\] is not"),
        ('{"text": "Oslo"}', "no 'ents' of 'Oslo'. Write Docs with"),
        ('{"text": 5, "ents": []}', "'text' must be a string, not 5"),
        ('{"text": "Oslo", "ents": [[0, 4, "GPE"]]}', r"an entity must be a JSON object, not \[0, 4"),
        ('{"text": "Oslo", "ents": [{"start": 0, "end": 4}]}', r"the span \[0, 4, None\]"),
        ('{"text": "Oslo", "ents": [], "tokens": [{"start": 0}]}', "the token {'start': 0} lacks"),
    ],
)  # fmt: skip
def test_malformed_json_is_named_with_its_line(file, line, message):
    with pytest.raises(DataError, match="a.jsonl:2: .*" + message):
        records(file(json.dumps(PAIRS[0]) + "\n" + line, "a.jsonl"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("D = [\n('Oslo', {'entities': [}),\n]", r"a.py:2: neither JSON nor Python \(.*\"\('Oslo', {'ent"),
        ("D = [\n('Oslo', {'entities': []}),\n", r"a.py:1: neither JSON nor Python"),
        ("D = [('Oslo',\0 {'entities': []})]", r"a.py(:1)?: neither JSON nor Python \(.*null bytes"),
        ("[" * 100_000, "a.py(:1)?: neither JSON nor Python"),
        ("[('a', {'entities': []}), " + "-" * 100_000 + "1]", "a.py(:1)?: neither JSON nor Python"),
        ("X = 3\nL = ['GPE']", r"a.py: no list of \(text, annotations\). The file must hold one"),
        ("", r"a.py: no list of \(text, annotations\)"),
        ("A = [('a', {})]\n\nB = [('b', {})]", r"a.py: lists of \(text, annotations\) on lines 1, 3"),
        ("D = [('a', {'entities': []}),\n(a, {'entities': []})]",
         r"a.py:2: \"\(a, {'entities': \[\]}\)\" is not made of literals only. Files are not run"),
        ("D = [('a', {'entities': []}),\n('b', {'entities': [(0, f(1), 'X')]})]",
         "a.py:2: .*not made of literals"),
        ("D = [('a', {'entities': []}),\n('b', {[]: 1})]", "a.py:2: .*not made of literals"),
        ("D = [('a', {'entities': []}),\n" + "+".join("1" * 900) + "]",
         r"a.py:2: '1\+1.*' is not made of literals"),
        ("D = [('a', {'entities': []}),\n'b']", "a.py:2: 'b' is not a pair of text and annotations"),
        ("D = [('a', {'entities': []}),\n('b', {'entities': [(0, 1.5, 'X')]})]",
         r"a.py:2: the span \[0, 1.5"),
    ],
)  # fmt: skip
def test_malformed_python_is_named_with_its_line(file, text, message):
    with pytest.raises(DataError, match=message):
        records(file(text, "a.py"))


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "Oslo", "entities": [[0, 4, "GPE"]]}',
        '{"text": "Oslo", "spans": []}',
        '[{"text": "Oslo", "label": []}]',
        '[["Oslo", "B-GPE"]]',
        '["Oslo", {"label": "news"}]',
        '[{"id": 1, "data": {"text": "Oslo"}, "annotations": []}]',
        '{"tokens": ["Oslo"], "ner_tags": [1]}',
        "# id = 1\n[Oslo](GPE) and [Bergen](GPE)",
        '("Oslo") is "entities": nothing',
        'Oslo B-GPE\n[ O\n( O\n" O\n',
        "",
    ],
)
def test_matches_nobody_elses(file, text):
    source = file(text, "a.txt")
    assert FORMAT.matches(source.head(), source) is False
