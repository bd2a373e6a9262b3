"""doccano's exports, after https://doccano.github.io/doccano/tutorial/#export-the-dataset and the
examples that its export page shows; the texts are made up."""

import json

import pytest
from format_checks import notes, written
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.doccano import FORMAT
from spacy_bert_ner.data.formats.prodigy import FORMAT as PRODIGY
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

LABELED = {
    "id": 17,
    "text": "Ada Berg left Oslo.",
    "page": 3,
    "reviewed": True,
    "checked_by": None,
    "label": [[0, 8, "PERSON"], [14, 18, "GPE"]],
    "Comments": [],
}
RELATIONS = {
    "id": 18,
    "text": "Ada Berg left Oslo.",
    "entities": [
        {"id": 101, "label": "PERSON", "start_offset": 0, "end_offset": 8},
        {"id": 102, "label": "GPE", "start_offset": 14, "end_offset": 18},
    ],
    "relations": [{"id": 1, "from_id": 101, "to_id": 102, "type": "left"}],
    "Comments": [{"id": 4, "comment": "sure?"}],
}
SPANS = [EntitySpan(0, 8, "PERSON"), EntitySpan(14, 18, "GPE")]


@pytest.fixture
def file(tmp_path):
    def make(*entries):
        path = tmp_path / "admin.jsonl"
        lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Source(path, "admin.jsonl")

    return make


def records(source):
    return list(FORMAT.read(source, ReadOptions()))


def test_sequence_labeling(file):
    source = file(LABELED)
    assert records(source) == [
        Record(
            "Ada Berg left Oslo.",
            SPANS,
            Place("admin.jsonl", 1),
            meta={"id": "17", "page": "3", "reviewed": "true"},
        )
    ]
    assert notes(source) == []


def test_relations_and_comments_are_counted_and_left_out(file):
    source = file(LABELED, RELATIONS)
    record = records(source)[1]
    assert (record.spans, record.meta) == (SPANS, {"id": "18"})
    [(check, line, detail), (other, _, comments)] = notes(source)
    assert (check, other, line) == ("unused-annotations", "unused-annotations", 2)
    assert detail.startswith("relations of 'Ada Berg left Oslo.': [{'from_id': 101")
    assert comments == "Comments of 'Ada Berg left Oslo.': [{'comment': 'sure?', 'id': 4}]"


@pytest.mark.parametrize(
    "entry",
    [
        {"doc_id": 5, "text": "Oslo", "labels": [[0, 4, "GPE"]], "username": "kim"},
        {"doc_id": 5, "text": "Oslo", "entities": [[0, 4, "GPE"]], "username": "kim"},
        {"doc_id": 5, "data": "Oslo", "label": [[0, 4, "GPE"]], "username": "kim"},
        {"doc_id": 5, "text": "Oslo", "entities": [[0, 4, "GPE"]], "username": "kim", "cats": ["a"]},
        {"doc_id": 5, "text": "Oslo", "entities": [[0, 4, "GPE"]], "username": "kim", "label": []},
        {"doc_id": 5, "text": "Oslo", "entities": [[0, 4, "GPE"]], "username": "kim", "label": ["a"]},
        {"doc_id": 5, "text": "Oslo", "username": "kim",
         "entities": [{"start": 0, "end": 4, "label": "GPE"}]},
    ],
)  # fmt: skip
def test_names_of_older_versions_and_other_projects(file, entry):
    [record] = records(file(entry))
    assert (record.text, record.spans) == ("Oslo", [EntitySpan(0, 4, "GPE")])
    assert record.meta == {"doc_id": "5", "username": "kim"}


def test_label_of_the_text_beside_entities_is_metadata(file):
    [record] = records(file({"text": "Oslo", "entities": [[0, 4, "GPE"]], "label": "news"}))
    assert (record.spans, record.meta) == ([EntitySpan(0, 4, "GPE")], {"label": "news"})


def test_document_without_spans_and_list_of_documents(file):
    found = records(file(json.dumps([{"text": "Oslo", "label": []}, LABELED])))
    assert [record.spans for record in found] == [[], SPANS]


def test_wrong_spans_are_passed_on(file):
    offsets = [(3, 1), (-4, 2), (0, 99), (2, 2), (0, 3), (0, 3), (1, 4)]
    [record] = records(file({"text": "Oslo", "label": [[*pair, "X"] for pair in offsets]}))
    assert [(span.start, span.end) for span in record.spans] == offsets


def test_spans_counted_in_utf16_units_are_converted(file):
    entity = {"start_offset": 3, "end_offset": 6, "label": "PER", "text": "Ada"}
    source = file({"text": "😀 Ada", "entities": [entity, {**entity, "text": "Bo"}]})
    assert records(source)[0].spans == [EntitySpan(2, 5, "PER"), EntitySpan(3, 6, "PER")]
    assert [check for check, _, _ in notes(source)] == ["utf16-offsets", "text-mismatch"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "Oslo", "label": [[0, 4, "GPE"]', "not JSON"),
        ('["Oslo", {"entities": []}]', r"the entry must be a JSON object, not \['Oslo'"),
        ('{"label": [[0, 4, "GPE"]]}', "'text' must be a string, not None"),
        ('{"data": {"text": "Oslo"}, "label": []}', "'data' must be a string, not {'text': 'Oslo'}"),
        ('{"text": "Oslo", "id": 5}', r"none of 'label', 'labels', 'entities', only \['text', 'id'\]"),
        ('{"text": "Oslo", "label": null}', "none of 'label'"),
        ('{"text": "Oslo", "label": ["news"]}', r"'label' is \['news'\], which labels the text as a whole"),
        ('{"text": "Oslo", "label": "news"}', "'label' is 'news', which labels the text as a whole"),
        ('{"text": "Oslo", "label": 3}', "'label' is 3, which labels the text as a whole"),
        ('{"text": "Oslo", "label": [3]}', "a span must be a list, not 3"),
        ('{"text": "Oslo", "label": [[0, 4]]}', r"the span \[0, 4\] is not made of start, end and label"),
        ('{"text": "Oslo", "label": [[0, 4, "GPE", 1]]}', r"the span \[0, 4, 'GPE', 1\] is not made"),
        ('{"text": "Oslo", "label": [["0", 4, "GPE"]]}', r"\['0', 4, 'GPE'\] is not made of two whole"),
        ('{"text": "Oslo", "label": [[0, 4.0, "GPE"]]}', r"\[0, 4.0, 'GPE'\]"),
        ('{"text": "Oslo", "label": [[0, true, "GPE"]]}', r"\[0, True, 'GPE'\]"),
        ('{"text": "Oslo", "label": [[0, 4, 7]]}', r"\[0, 4, 7\]"),
        ('{"text": "Oslo", "entities": [{"label": "GPE", "start_offset": 0}]}', r"\[0, None, 'GPE'\]"),
        ('{"text": "O", "label": [[0, 1, "A"]], "entities": [[0, 1, "B"]]}', "in 'label' and in 'entities'"),
    ],
)  # fmt: skip
def test_malformed_documents_are_named_with_their_line(file, line, message):
    with pytest.raises(DataError, match="admin.jsonl:2: .*" + message):
        records(file(LABELED, line))


@pytest.mark.parametrize(
    "first",
    [
        LABELED,
        RELATIONS,
        {"text": "Oslo", "labels": [[0, 4, "GPE"]]},
        {"text": "Oslo", "entities": [[0, 4, "GPE"]]},
        {"text": "Oslo", "entities": [{"start": 0, "end": 4, "label": "GPE"}]},
        {"data": "Oslo", "label": []},
        {"text": "Oslo", "label": ["news"]},
        {"text": "Oslo", "label": [[0, 4, "GPE"]], "_input_hash": "5", "answer": "accept"},
        {"text": "x" * 100_000, "label": []},
    ],
)
@pytest.mark.parametrize("layout", ["{}\n{{}}", "[{},\n{{}}]"])
def test_matches_its_own(file, first, layout):
    source = file(layout.format(json.dumps(first)))
    assert FORMAT.matches(source.head(), source)
    assert not PRODIGY.matches(source.head(), source)


@pytest.mark.parametrize(
    "first",
    [
        {"text": "Oslo"},
        {"text": "Oslo", "label": "news"},
        {"text": "Oslo", "label": 1},
        {"text": "Oslo", "labels": [0, 1]},
        {"text": "Oslo", "spans": [], "label": []},
        {"text": "Oslo", "_input_hash": 5},
        {"tokens": ["Oslo"], "labels": ["B-GPE"]},
        {"text": "Oslo", "tokens": ["Oslo"], "labels": ["B-GPE"]},
        {"text": "Oslo", "tokens": ["Oslo"], "ner_tags": [1], "entities": [[0, 1, "GPE"]]},
        {"text": "Oslo", "ents": [], "tokens": []},
        {"id": 1, "data": {"text": "Oslo"}, "annotations": [{"result": []}]},
        {"id": 1, "text": "Oslo", "label": [], "annotations": []},
        {"id": 1, "text": "Oslo", "label": [{"start": 0, "end": 4, "labels": ["GPE"]}]},
        ["Oslo", {"entities": []}],
        "# id = 1\n[Oslo](GPE)",
        "Oslo\tB-GPE",
        '{"text": "Oslo", "label": [}',
        "",
    ],
)
def test_matches_nobody_elses(file, first):
    source = file(first)
    assert FORMAT.matches(source.head(), source) is False


def test_written_document(file):
    assert written(FORMAT, records(file(LABELED))) == (
        '{"id": "17", "page": "3", "reviewed": "true", "text": "Ada Berg left Oslo.", '
        '"label": [[0, 8, "PERSON"], [14, 18, "GPE"]]}\n'
    )


def test_metadata_never_replaces_text_or_spans():
    record = Record("Oslo", SPANS[:1], Place("x"), meta={"text": "?", "label": "?", "data": "?"})
    entry = {"text": "Oslo", "label": [[0, 8, "PERSON"]], "data": "?"}
    assert json.loads(written(FORMAT, [record])) == entry


META = st.dictionaries(
    st.sampled_from(
        ["id", "data", "labels", "entities", "answer", "spans", "_input_hash", "é", ""]
    ),
    st.text(max_size=5),
)
SPAN = st.builds(EntitySpan, st.integers(), st.integers(), st.sampled_from(["A", "Ø-é", "B C"]))


@given(st.lists(st.tuples(st.text(), st.lists(SPAN, max_size=4), META), max_size=4))
def test_round_trip(tmp_path_factory, found):
    given = [
        Record(text, spans, Place("a.jsonl", i), meta=meta)
        for i, (text, spans, meta) in enumerate(found, start=1)
    ]
    path = tmp_path_factory.mktemp("doccano") / "a.jsonl"
    path.write_text(written(FORMAT, given), encoding="utf-8", newline="")
    source = Source(path, "a.jsonl")
    assert not given or FORMAT.matches(source.head(), source)
    assert not PRODIGY.matches(source.head(), source)
    assert records(source) == given
    assert notes(source) == []
