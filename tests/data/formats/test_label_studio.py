"""Label Studio's exports, after https://labelstud.io/guide/task_format (Label Studio Task Format)
and https://labelstud.io/tags/hypertextlabels, and JSON-MIN as https://labelstud.io/guide/export and
the exporter (github.com/HumanSignal/label-studio-converter) have it; the texts are made up."""

import json

import pytest

from spacy_bert_ner.data.formats import find_format
from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.label_studio import FORMAT
from spacy_bert_ner.data.records import DataError
from spacy_bert_ner.data.sources import Source

TEXT = "Acme paid Ada 😀 in Oulu"


def region(start, end, *labels, text=None, **value):
    value = {"start": start, "end": end, "labels": list(labels), **value}
    if text is not None:
        value["text"] = text
    return {
        "id": "r1", "type": "labels", "from_name": "label", "to_name": "text", "value": value,
        "origin": "manual",
    }  # fmt: skip


def annotation(*results, by=1, **keys):
    return {"id": 1001, "completed_by": by, "result": list(results), "was_cancelled": False,
            "ground_truth": False, **keys}  # fmt: skip


def task(*annotations, data=None, **keys):
    return {"id": 7, "data": data or {"text": TEXT, "url": "u1"}, "annotations": list(annotations),
            "predictions": [], **keys}  # fmt: skip


ACME = region(0, 4, "ORG", text="Acme")
ADA = region(10, 13, "PER", text="Ada")


@pytest.fixture
def read(tmp_path):
    def read(*tasks, **options):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(list(tasks), indent=1), encoding="utf-8")
        source = Source(path, "a.json")
        assert find_format(source) is FORMAT
        records = list(FORMAT.read(source, ReadOptions(**options)))
        found = [[(r.text[s.start : s.end], s.label) for s in r.spans] for r in records]
        return found, dict(source.findings.counts), records

    return read


def test_regions_become_spans(read):
    found, notes, (record,) = read(task(annotation(ACME, ADA)))
    assert found == [[("Acme", "ORG"), ("Ada", "PER")]]
    assert notes == {}
    assert record.meta == {"id": "7", "url": "u1"}


def test_older_exports(read):
    old = task(data={"text": TEXT})
    old["completions"] = [annotation(ACME)]
    old["annotations"] = []
    assert read(old)[0] == [[("Acme", "ORG")]]
    del old["annotations"]
    assert read(old)[0] == [[("Acme", "ORG")]]
    old["completions"] = [annotation(ACME, skipped=True)]
    assert read(old)[:2] == ([], {"skipped-task": 1})


def test_a_region_with_several_labels_is_several_spans(read):
    assert read(task(annotation(region(0, 4, "ORG", "BUYER"))))[0] == [
        [("Acme", "ORG"), ("Acme", "BUYER")]
    ]


def test_offsets_that_count_utf16_units(read):
    found, notes, _ = read(task(annotation(region(20, 24, "GPE", text="Oulu"))))
    assert found == [[("Oulu", "GPE")]]
    assert notes == {"utf16-offsets": 1}


PATH = "/p[1]/text()[1]"


def hyper(text="Acme", key="hypertextlabels", **value):
    value = {"start": PATH, "end": PATH, "startOffset": 0, "endOffset": 4, "text": text, **value}
    return {"type": key, "from_name": "l", "to_name": "t", "value": {**value, key: ["ORG"]}}


@pytest.mark.parametrize("key", ["labels", "hypertextlabels"])
def test_hypertext_regions_are_placed_by_global_offsets(read, key):
    found, notes, _ = read(task(annotation(hyper(key=key, globalOffsets={"start": 0, "end": 4}))))
    assert (found, notes) == ([[("Acme", "ORG")]], {})


def test_global_offsets_that_count_utf16_units(read):
    found, notes, _ = read(task(annotation(hyper("Oulu", globalOffsets={"start": 20, "end": 24}))))
    assert (found, notes) == ([[("Oulu", "ORG")]], {"utf16-offsets": 1})


def test_global_offsets_of_plain_text_regions_are_not_needed(read):
    odd = region(0, 4, "ORG", text="Acme", globalOffsets={"start": 5, "end": 9})
    assert read(task(annotation(odd)))[0] == [[("Acme", "ORG")]]


def test_the_field_of_the_text(read):
    assert read(task(annotation(ACME), data={"note": TEXT}))[0] == [[("Acme", "ORG")]]
    both = {"title": "Nothing here", "body": TEXT}
    assert read(task(annotation(ACME), data=both))[0] == [[("Acme", "ORG")]]
    assert read(task(annotation(ACME), data={**both, "text": None}))[0] == [[("Acme", "ORG")]]
    shifted = region(20, 24, "GPE", text="Oulu")
    assert read(task(annotation(shifted), data=both))[0] == [[("Oulu", "GPE")]]
    with pytest.raises(DataError, match=r"'data' has no 'text', and several of its fields"):
        read(task(annotation(), data=both))
    with pytest.raises(DataError, match=r"'data' has no 'text', and none of its fields"):
        read(task(annotation(region(0, 4, "ORG", text="Nobody")), data=both))


def test_another_field_is_the_text_where_it_alone_fits_the_regions(read):
    data = {"text": "A summary", "body": TEXT}
    assert read(task(annotation(ACME, ADA), data=data))[0] == [[("Acme", "ORG"), ("Ada", "PER")]]
    found, notes, _ = read(task(annotation(ACME), data={**data, "copy": TEXT}))
    assert (found, notes) == ([[("A su", "ORG")]], {"text-mismatch": 1})
    assert read(task(annotation(), data=data))[2][0].text == "A summary"


def test_the_only_string_is_the_text_whatever_its_regions_say(read):
    found, notes, _ = read(task(annotation(region(0, 4, "ORG", text="Acne")), data={"n": TEXT}))
    assert (found, notes) == ([[("Acme", "ORG")]], {"text-mismatch": 1})


def test_metadata(read):
    data = {"text": TEXT, "id": "inner", "page": 3, "checked": True, "nested": {"a": 1}, "no": None}
    _, _, (record,) = read(task(annotation(), data=data))
    assert list(record.meta.items()) == [("id", "7"), ("page", "3"), ("checked", "true")]
    _, _, (record,) = read(task(annotation(), data=data, id=None))
    assert record.meta["id"] == "inner"
    assert record.place.line == 2


def test_wrong_spans_are_passed_on(read):
    offsets = [(3, 1), (-4, 2), (0, 99), (2, 2), (0, 3), (0, 3), (1, 4)]
    _, _, (record,) = read(task(annotation(*(region(*pair, "X") for pair in offsets))))
    assert [(span.start, span.end) for span in record.spans] == offsets


def test_several_annotators(read):
    first, second = annotation(ACME, by=3), annotation(ADA, by={"id": 4, "email": "k@x.org"})
    assert read(task(first, second))[:2] == ([[("Acme", "ORG")]], {"further-annotators": 1})
    assert read(task(first, {**second, "ground_truth": True}))[0] == [[("Ada", "PER")]]
    assert read(task({**first, "was_cancelled": True}, second))[0] == [[("Ada", "PER")]]
    for name in ("4", "k@x.org"):
        found, notes, _ = read(task(first, second), annotator=name)
        assert (found, notes) == ([[("Ada", "PER")]], {"further-annotators": 1})
    assert read(task(first), annotator="4")[:2] == ([], {"further-annotators": 1})
    marked = {**first, "ground_truth": True}
    assert read(task(marked, second), annotator="4")[0] == [[("Ada", "PER")]]


def test_the_chosen_annotator_changes_nothing_about_skipped_tasks(read):
    cancelled = task(annotation(ACME, by=3, was_cancelled=True))
    assert read(cancelled, annotator="4")[:2] == ([], {"skipped-task": 1})


def test_what_is_left_out_is_counted(read):
    relation = {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"}
    choice = {"type": "choices", "value": {"choices": ["good"]}}
    found, notes, _ = read(
        task(annotation(ACME, relation, choice, region(0, 4))),
        task(annotation(ACME, was_cancelled=True)),
        task(),
        task(predictions=[{"result": [ACME]}]),
    )
    assert found == [[("Acme", "ORG")]]
    assert notes == {"unused-annotations": 3, "skipped-task": 2, "prediction-only": 1}


def test_a_task_without_regions_is_a_document_without_entities(read):
    assert read(task(annotation()))[0] == [[]]


def entry(by=1, **keys):
    """An entry of JSON-MIN."""
    return {"id": 7, "text": TEXT, "url": "u1", "annotator": by, "annotation_id": 1001,
            "created_at": "2024-05-02T10:00:00Z", "updated_at": "2024-05-02T10:00:00Z",
            "lead_time": 4.2, **keys}  # fmt: skip


def test_json_min(read):
    found, notes, (record, _) = read(
        entry(ner=[ACME["value"], ADA["value"]], tone="good"), entry(id=8)
    )
    assert found == [[("Acme", "ORG"), ("Ada", "PER")], []]
    assert notes == {}
    assert record.meta == {"id": "7", "url": "u1", "tone": "good"}
    assert record.place.line == 2


def test_json_min_with_another_text_field(read):
    renamed = entry(ner=[ACME["value"]], data=TEXT, kinds=[{"choices": ["a", "b"]}])
    del renamed["text"]
    found, notes, _ = read(renamed)
    assert (found, notes) == ([[("Acme", "ORG")]], {"unused-annotations": 1})


def test_json_min_of_several_annotators(read):
    both = entry(ner=[ACME["value"]]), entry(by=2, ner=[ADA["value"]])
    assert read(*both)[:2] == ([[("Acme", "ORG")]], {"further-annotators": 1})
    assert read(*both, annotator="2")[:2] == ([[("Ada", "PER")]], {"further-annotators": 1})
    named = entry(by={"id": 3, "email": "k@x.org"}, ner=[ADA["value"]])
    assert read(both[0], named, annotator="k@x.org")[0] == [[("Ada", "PER")]]


def changed(**value):
    return task(annotation({**ACME, "value": {**ACME["value"], **value}}))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([1], r"a task must be a JSON object, not \[1\]"),
        (task(data="Acme"), "'data' must be a JSON object, not 'Acme'"),
        (task(data={"text": 5}), "data.text must be a string, not 5"),
        (task(data={"text": ["Acme"], "url": "u"}), r"data.text must be a string, not \['Acme'\]"),
        (task(data={"number": 5}), r"none of its fields \['number'\]"),
        (task(annotations={"result": []}), "'annotations' must be a list, not {'result'"),
        (task(annotations=["x"]), "an annotation must be a JSON object, not 'x'"),
        (task(annotation(result="x")), "'result' must be a list, not 'x'"),
        (task(annotation(7)), "a result must be a JSON object, not 7"),
        (changed(start="0"), r"the span \['0', 4, 'ORG'\]"),
        (changed(end=4.0), r"the span \[0, 4.0, 'ORG'\]"),
        (changed(end=True), r"the span \[0, True, 'ORG'\]"),
        (changed(end=None), r"the span \[0, None, 'ORG'\]"),
        (changed(labels="ORG"), "'labels' must be a list, not 'ORG'"),
        (changed(labels=[["ORG"]]), r"the span \[0, 4, \['ORG'\]\]"),
        (changed(labels=[""]), r"the span \[0, 4, ''\]"),
        (task(annotation(region("0", "0", startOffset=0, endOffset=4, paragraphlabels=["ORG"]))),
         r"task 7 has a region .* of Paragraphs, which are several texts"),
        (entry(text=5), "data.text must be a string, not 5"),
        (entry(ner=[{**ACME["value"], "end": "4"}]), r"the span \[0, '4', 'ORG'\]"),
        (task(annotation(hyper())), r"the span \['/p\[1\]"),
        (task(annotation(hyper(globalOffsets=[0, 4]))), r"the span \['/p\[1\]"),
        (task(annotation(hyper(globalOffsets={"start": 0}))), r"the span \[0, None, 'ORG'\]"),
        (task(annotation(hyper(globalOffsets={"start": 5, "end": 9}))),
         r"globalOffsets \[5, 9\] of a HyperText region do not bring out its text 'Acme'"),
        (task(annotation(hyper(None, globalOffsets={"start": 0, "end": 4}))),
         r"globalOffsets \[0, 4\] .* text None"),
    ],
)  # fmt: skip
def test_malformed_tasks_are_named_with_their_line(tmp_path, entry, message):
    path = tmp_path / "a.json"
    # An annotation, unlike none, so that the task is not left out before its data is looked at.
    if isinstance(entry, dict) and entry.get("annotations") == []:
        entry = {**entry, "annotations": [annotation()]}
    path.write_text(f"[{json.dumps(task(annotation(ACME)))},\n{json.dumps(entry)}]")
    with pytest.raises(DataError, match="a.json:2: .*" + message):
        list(FORMAT.read(Source(path, "a.json"), ReadOptions()))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps([task()]), True),
        (json.dumps([{"data": {"text": "x" * 100_000}, "completions": []}]), True),
        (json.dumps([{"data": {"text": "Acme"}, "predictions": []}]), True),
        (json.dumps([{"data": "Acme", "annotations": []}]), True),
        (json.dumps([{"data": {"text": "Acme"}, "annotations": "none"}]), True),
        (json.dumps([entry()]), True),
        (json.dumps([entry(text=None, data="x" * 100_000)]), True),
        (json.dumps([{"data": {"text": "Acme"}}]), False),
        (json.dumps({"data": "Oslo", "label": [], "predictions": "a"}), False),
        (json.dumps([{"text": "Oslo", "label": [{"start": 0, "labels": ["GPE"]}]}]), False),
        (json.dumps({"text": "Oslo", "annotations": []}), False),
        ('[["Oslo", {"entities": []}]]', False),
        ('[{"data": {"text": }', False),
        ("[" * 100_000, False),
        ("[]", False),
        ("Oslo\tB-GPE", False),
        ("", False),
    ],
    ids=range(17),
)
def test_matches_its_own_and_nobody_elses(tmp_path, content, expected):
    path = tmp_path / "a.json"
    path.write_text(content)
    source = Source(path, "a.json")
    assert FORMAT.matches(source.head(), source) is expected
    if expected:
        assert find_format(source) is FORMAT
