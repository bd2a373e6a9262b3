"""Prodigy's tasks, after https://prodi.gy/docs/api-interfaces#ner_manual; the texts are made up."""

import json

import pytest
from format_checks import notes, written
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.prodigy import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

TASK = {
    "text": "Ada Berg left  Oslo.",
    "_input_hash": -1203947561,
    "_task_hash": 994831170,
    "_is_binary": False,
    "tokens": [
        {"text": "Ada", "start": 0, "end": 3, "id": 0, "ws": True},
        {"text": "Berg", "start": 4, "end": 8, "id": 1, "ws": True},
        {"text": "left", "start": 9, "end": 13, "id": 2, "ws": True},
        {"text": " ", "start": 14, "end": 15, "id": 3, "ws": False},
        {"text": "Oslo", "start": 15, "end": 19, "id": 4, "ws": False},
        {"text": ".", "start": 19, "end": 20, "id": 5, "ws": False},
    ],
    "_view_id": "ner_manual",
    "spans": [
        {"start": 0, "end": 8, "token_start": 0, "token_end": 1, "label": "PERSON"},
        {"text": "Oslo", "start": 15, "end": 19, "token_start": 4, "token_end": 4, "label": "GPE"},
    ],
    "answer": "accept",
    "_timestamp": 1707211049,
    "_annotator_id": "news-kim",
    "_session_id": None,
    "meta": {"source": "diary", "page": 3, "checked": True, "tags": ["a"]},
}


@pytest.fixture
def file(tmp_path):
    def make(*tasks):
        path = tmp_path / "a.jsonl"
        lines = [task if isinstance(task, str) else json.dumps(task) for task in tasks]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return Source(path, "a.jsonl")

    return make


def records(source, annotator=None):
    return list(FORMAT.read(source, ReadOptions(annotator=annotator)))


def test_task_of_ner_manual(file):
    source = file("", TASK)
    assert records(source) == [
        Record(
            "Ada Berg left  Oslo.",
            [EntitySpan(0, 8, "PERSON"), EntitySpan(15, 19, "GPE")],
            Place("a.jsonl", 2),
            words=[(0, 3), (4, 8), (9, 13), (14, 15), (15, 19), (19, 20)],
            meta={
                "source": "diary",
                "page": "3",
                "checked": "true",
                "_input_hash": "-1203947561",
                "_task_hash": "994831170",
                "_is_binary": "false",
                "_view_id": "ner_manual",
                "_timestamp": "1707211049",
                "_annotator_id": "news-kim",
            },
        )
    ]
    assert notes(source) == []


def test_task_with_nothing_but_text_and_spans(file):
    [record] = records(file({"text": "Oslo", "spans": [{"start": 0, "end": 4, "label": "GPE"}]}))
    assert (record.spans, record.words, record.meta) == ([EntitySpan(0, 4, "GPE")], None, {})


def test_missing_and_null_lists_are_empty(file):
    found = records(
        file(
            {"text": "Oslo", "answer": "accept"},
            {"text": "Oslo", "spans": None, "tokens": None, "answer": None, "meta": None},
        )
    )
    assert [(record.spans, record.words, record.meta) for record in found] == [([], None, {})] * 2


def test_one_list_of_tasks(file):
    first, second = records(file(f'[{{"text": "a", "spans": []}},\n{json.dumps(TASK)}]'))
    assert (first.place.line, second.place.line) == (1, 2)
    assert second.text == TASK["text"]


def test_misplaced_tokens_are_left_out_and_counted(file):
    tokens = [
        {"text": "Ada", "start": 0, "end": 3, "id": 0},
        {"text": "\n\n", "start": 0, "end": 2, "id": 1},
        {"text": "Bo", "start": 5, "end": 7, "id": 2},
    ]
    source = file({"text": "Ada\n\nBo", "spans": [], "tokens": tokens})
    assert records(source)[0].words == [(0, 3), (5, 7)]
    [(check, line, detail)] = notes(source)
    assert (check, line) == ("misplaced-token", 1)
    assert "'id': 1" in detail


def test_wrong_spans_are_passed_on(file):
    offsets = [(3, 1), (-4, 2), (0, 99), (2, 2), (0, 3), (0, 3), (1, 4)]
    spans = [{"start": start, "end": end, "label": "X"} for start, end in offsets]
    [record] = records(file({"text": "Oslo", "spans": spans}))
    assert [(span.start, span.end) for span in record.spans] == offsets


def test_rejected_and_ignored_tasks_are_left_out_and_counted(file):
    source = file(
        {**TASK, "answer": "reject"}, {"text": "Bo", "answer": "ignore", "spans": []}, TASK
    )
    assert [record.place.line for record in records(source)] == [3]
    assert notes(source) == [
        ("answer-reject", 1, "'Ada Berg left  Oslo.' is left out"),
        ("answer-ignore", 2, "'Bo' is left out"),
    ]


def test_binary_answers_are_counted(file):
    source = file({**TASK, "_view_id": "ner"})
    assert len(records(source)) == 1
    [(check, line, detail)] = notes(source)
    assert (check, line) == ("binary-answer", 1)
    assert detail == "'Ada Berg left  Oslo.' may have entities that nobody was asked about"


def by(annotator, text, input_hash, **more):
    return {
        "text": text,
        "spans": [],
        "_input_hash": input_hash,
        "_annotator_id": annotator,
        **more,
    }


SHARED = [
    by("kim", "one", 1, answer="reject"),
    by("lee", "one", 1),
    by("kim", "two", 2),
    by("lee", "two", 2),
    by("lee", "one", 1),
    {"text": "three", "spans": [], "_input_hash": 3, "_session_id": "kim"},
]


def test_first_accepted_annotation_of_an_input_is_used(file):
    source = file(*SHARED)
    assert [record.place.line for record in records(source)] == [2, 3, 6]
    assert notes(source)[1:] == [
        ("further-annotators", 4, "'two' by 'lee' is left out, as its input 2 came before"),
        ("further-annotators", 5, "'one' by 'lee' is left out, as its input 1 came before"),
    ]


def test_chosen_annotator(file):
    source = file(*SHARED)
    assert [record.place.line for record in records(source, "kim")] == [3, 6]
    assert notes(source)[1:] == [
        ("further-annotators", 2, "'one' by 'lee' is left out"),
        ("further-annotators", 4, "'two' by 'lee' is left out"),
        ("further-annotators", 5, "'one' by 'lee' is left out"),
    ]


def test_tasks_without_input_hash_are_all_used(file):
    source = file(*[{"text": "Oslo", "spans": [], "_annotator_id": name} for name in "ab"])
    assert len(records(source)) == 2
    assert notes(source) == []


def test_spans_counted_in_utf16_units_are_converted(file):
    task = {"text": "😀 Ada", "spans": [{"start": 3, "end": 6, "label": "PER", "text": "Ada"}]}
    source = file(task)
    assert records(source)[0].spans == [EntitySpan(2, 5, "PER")]
    assert [check for check, _, _ in notes(source)] == ["utf16-offsets"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "Oslo", "spans": [', "not JSON"),
        ("3", "a task must be a JSON object, not 3"),
        ('["Oslo", {"entities": []}]', r"a task must be a JSON object, not \['Oslo'"),
        ('{"spans": []}', "'text' must be a string, not None"),
        ('{"text": 5, "spans": []}', "'text' must be a string, not 5"),
        ('{"text": "Oslo", "spans": {"start": 0}}', "'spans' must be a list, not {'start': 0}"),
        ('{"text": "Oslo", "spans": [[0, 4, "X"]]}', r"a span must be a JSON object, not \[0, 4, 'X'\]"),
        ('{"text": "Oslo", "spans": [{"start": 0, "label": "X"}]}', r"the span \[0, None, 'X'\] is not"),
        ('{"text": "Oslo", "spans": [{"start": 0, "end": 4}]}', r"the span \[0, 4, None\] is not"),
        ('{"text": "Oslo", "spans": [{"start": "0", "end": 4, "label": "X"}]}', r"\['0', 4, 'X'\]"),
        ('{"text": "Oslo", "spans": [{"start": 0, "end": true, "label": "X"}]}', r"\[0, True, 'X'\]"),
        ('{"text": "Oslo", "tokens": 7}', "'tokens' must be a list, not 7"),
        ('{"text": "Oslo", "tokens": ["Oslo"]}', "a token must be a JSON object, not 'Oslo'"),
        ('{"text": "Oslo", "tokens": [{"start": 2, "end": null}]}', "'end': None.* lacks whole numbers"),
        ('{"text": "Oslo", "answer": "yes"}', "the answer 'yes' is none of accept, reject, ignore"),
        ('{"text": "Oslo", "answer": ["accept"]}', r"the answer \['accept'\] is none of"),
        ('{"text": "Oslo", "_input_hash": [1]}', r"'_input_hash' must be a number, not \[1\]"),
    ],
)  # fmt: skip
def test_malformed_tasks_are_named_with_their_line(file, line, message):
    with pytest.raises(DataError, match="a.jsonl:2: .*" + message):
        records(file(TASK, line))


@pytest.mark.parametrize(
    "first",
    [
        TASK,
        {"text": "Oslo", "spans": [{"start": 0, "end": 4, "label": "GPE"}]},
        {"text": "Oslo", "answer": "ignore"},
        {"text": "Oslo", "_input_hash": 5, "_task_hash": 6, "meta": {}},
        {"text": "x" * 100_000, "spans": []},
    ],
)
@pytest.mark.parametrize("layout", ["{}\n{{}}", "[{},\n{{}}]", "\n\n[\n  {}\n]"])
def test_matches_its_own(file, first, layout):
    source = file(layout.format(json.dumps(first)))
    assert FORMAT.matches(source.head(), source)


@pytest.mark.parametrize(
    "first",
    [
        {"text": "Oslo"},
        {"text": "Oslo", "answer": "42"},
        {"text": "Oslo", "label": [[0, 4, "GPE"]]},
        {"text": "Oslo", "label": [[0, 4, "GPE"]], "_input_hash": "5", "_view_id": "ner_manual"},
        {"text": "Oslo", "entities": [[0, 4, "GPE"]]},
        {"text": "Oslo", "spans": [[0, 4, "GPE"]]},
        {"tokens": ["Oslo"], "ner_tags": [1]},
        {"text": "Oslo", "tokens": ["Oslo"], "ner_tags": ["B-GPE"], "spans": []},
        {"text": "Oslo", "ents": [], "tokens": [], "spans": {}},
        {"id": 1, "data": {"text": "Oslo"}, "annotations": [{"result": []}]},
        {"id": 1, "text": "Oslo", "completions": [], "answer": "accept"},
        ["Oslo", {"entities": []}],
        {"question": "Who?", "answer": "accept"},
        "# id = 1\n[Oslo](GPE)",
        "Oslo\tB-GPE",
        '{"text": "Oslo", "spans": [}',
        "",
    ],
)
def test_matches_nobody_elses(file, first):
    source = file(first)
    assert FORMAT.matches(source.head(), source) is False


def test_written_task(file):
    [line] = written(FORMAT, records(file(TASK))).splitlines()
    task = json.loads(line)
    for key in ("text", "tokens", "answer", "_input_hash"):
        assert task.pop(key) == TASK[key]
    assert task.pop("spans") == [
        {"start": 0, "end": 8, "token_start": 0, "token_end": 1, "label": "PERSON"},
        {"start": 15, "end": 19, "token_start": 4, "token_end": 4, "label": "GPE"},
    ]
    assert task == {
        "meta": {
            "source": "diary",
            "page": "3",
            "checked": "true",
            "_task_hash": "994831170",
            "_is_binary": "false",
            "_view_id": "ner_manual",
            "_timestamp": "1707211049",
            "_annotator_id": "news-kim",
        }
    }


def test_written_task_without_metadata():
    record = Record("A b", [], Place("x"), words=[(0, 1), (2, 3)])
    assert json.loads(written(FORMAT, [record])) == {
        "text": "A b",
        "tokens": [
            {"text": "A", "start": 0, "end": 1, "id": 0, "ws": True},
            {"text": "b", "start": 2, "end": 3, "id": 1, "ws": False},
        ],
        "spans": [],
        "answer": "accept",
    }


@st.composite
def aligned_records(draw):
    """Records as writers get them: words, and spans of whole words in order."""
    text = draw(st.text(min_size=1, max_size=30))
    bounds = draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=12).map(sorted))
    words = list(zip(bounds, bounds[1:]))
    if len(words) > 2 and draw(st.booleans()):
        del words[draw(st.integers(0, len(words) - 1))]
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    spans = [
        EntitySpan(words[a][0], words[b - 1][1], draw(st.sampled_from(["A", "Ø-é", "B C"])))
        for a, b in zip(cuts[::2], cuts[1::2])
    ]
    meta = draw(st.dictionaries(st.text(max_size=4), st.text(max_size=5), max_size=3))
    return text, spans, words, meta


@given(st.lists(aligned_records(), max_size=4), st.text("-0123456789a", max_size=25))
def test_round_trip(tmp_path_factory, found, input_hash):
    given = [
        Record(
            text, spans, Place("x"), words=words, meta={**meta, "_input_hash": f"{input_hash}.{i}"}
        )
        for i, (text, spans, words, meta) in enumerate(found)
    ]
    if given:
        given[0].meta["_input_hash"] = input_hash
    path = tmp_path_factory.mktemp("prodigy") / "a.jsonl"
    path.write_text(written(FORMAT, given), encoding="utf-8", newline="")
    source = Source(path, "a.jsonl")
    assert not given or FORMAT.matches(source.head(), source)
    for i, record in enumerate(given, start=1):
        record.place = Place("a.jsonl", i)
    assert records(source) == given
    assert notes(source) == []
