"""Reading JSON: lists and lines of any length and layout, and what is wrong with them."""

import contextlib
import gzip
import json

import pytest
from format_checks import notes
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.formats import json_entries
from spacy_bert_ner.data.formats.json_entries import (
    Checks,
    first_entry,
    is_list,
    read_entries,
    scalars,
    shown,
)
from spacy_bert_ner.data.records import DataError, EntitySpan
from spacy_bert_ner.data.sources import Source


@pytest.fixture
def file(tmp_path):
    def make(content):
        path = tmp_path / "a.json"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Source(path, "a.json")

    return make


def entries(source):
    return list(read_entries(source))


def test_one_value_a_line(file):
    assert entries(file('{"a": 1}\n\n["t", {}]\n  \n3')) == [(1, {"a": 1}), (3, ["t", {}]), (5, 3)]


def test_one_list_over_lines(file):
    source = file('\n[\n {"a":\n  1},\n\n {"b": [2,\n3]} , 4\n]\n\n')
    assert entries(source) == [(3, {"a": 1}), (6, {"b": [2, 3]}), (7, 4)]


def test_list_on_one_line(file):
    assert entries(file('[{"a":1},{"b":2}]')) == [(1, {"a": 1}), (1, {"b": 2})]


@pytest.mark.parametrize("text", ["[]", " [ \n ] \n", "", "\n \n"])
def test_nothing_in_it(file, text):
    assert entries(file(text)) == []


def test_list_of_pairs_is_told_from_pairs_on_lines(file):
    assert entries(file('[["t", {}],\n ["u", {}]]')) == [(1, ["t", {}]), (2, ["u", {}])]
    assert entries(file('["t", {}]\n["u", {}]')) == [(1, ["t", {}]), (2, ["u", {}])]
    # The first text alone is longer than the head.
    long = "x" * (1 << 17)
    assert entries(file(f'["{long}", {{}}]\n["u", {{}}]')) == [(1, [long, {}]), (2, ["u", {}])]


@pytest.mark.parametrize(
    ("head", "expected"),
    [("[{", True), (" \n[", True), ("[[", True), ('["t"', False), ('[\n "t"', False), ("{", False)],
)
def test_is_list(head, expected):
    assert is_list(head) is expected


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
            | st.text(max_size=30),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
            max_leaves=8,
        ).filter(lambda value: not isinstance(value, str)),
        max_size=6,
    ),
    st.sampled_from([None, 0, 3]),
    st.booleans(),
    st.integers(1, 20),
)  # fmt: skip
def test_lists_come_back_whatever_the_chunks(tmp_path_factory, values, indent, ascii_only, chunk):
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(values, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_entries, "_CHUNK", chunk)
        assert [value for _, value in read_entries(Source(path))] == values


def test_entries_longer_than_a_chunk(file):
    values = [{"text": "x" * n} for n in (10, 300_000, 5, 70_000, 1_000_000, 1)]
    assert [value for _, value in entries(file(json.dumps(values)))] == values


def test_number_at_the_end_of_a_chunk(file, monkeypatch):
    monkeypatch.setattr(json_entries, "_CHUNK", 3)
    assert [value for _, value in entries(file("[12345, -6.5e+10, 7]"))] == [12345, -6.5e10, 7]


def test_line_numbers_do_not_depend_on_chunks(file, monkeypatch):
    source = file("[\n" + ",\n".join(f'{{"a":\n{i}}}' for i in range(50)) + "\n]")
    expected = [(2 + 2 * i, {"a": i}) for i in range(50)]
    for chunk in (1, 2, 7, 1 << 16):
        monkeypatch.setattr(json_entries, "_CHUNK", chunk)
        assert entries(source) == expected


def test_only_as_much_is_read_as_is_parsed(file):
    source = file(json.dumps([{"text": "x" * 1000}] * 5000))
    read = 0

    def advance(count):
        nonlocal read
        read += count

    source.advance = advance
    next(read_entries(source))
    assert read < 500_000


def test_an_error_is_found_without_reading_on(file):
    # A million entries follow; reading them all would show in the count of bytes.
    source = file('[{"a": 1},\n{"b" 2},\n' + '{"c": 3},\n' * 100_000 + "4]")
    read = 0

    def advance(count):
        nonlocal read
        read += count

    source.advance = advance
    with pytest.raises(DataError, match="a.json:2: not JSON.*Expecting ':' delimiter: '2}"):
        entries(source)
    assert read < 300_000


def test_cr_lf(file):
    assert entries(file('[\r\n{"a": 1},\r\n{"b": 2}\r\n]\r\n')) == [(2, {"a": 1}), (3, {"b": 2})]
    assert entries(file('{"a": 1}\r\n{"b": 2}\r\n')) == [(1, {"a": 1}), (2, {"b": 2})]


@pytest.mark.parametrize("text", ['{"a": "é"}\n', '[\n{"a": "é"}]', '[\r\n{"a": "é"}\r\n]'])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(file, text, encoding):
    source = file(text.encode(encoding))
    assert [value for _, value in entries(source)] == [{"a": "é"}]
    assert {check for check, _, _ in notes(source)} == {"encoding"}


def test_compressed(file):
    values = [{"text": "Øst " * 50_000}, {"b": 1}]
    source = file(gzip.compress(json.dumps(values, ensure_ascii=False).encode()))
    assert [value for _, value in entries(source)] == values


@pytest.mark.parametrize(
    ("escaped", "text", "near"),
    [
        (r"a\ud83db", "a\ufffdb", r"\ud83d"),
        (r"\ude00\ud83d", "\ufffd\ufffd", r"\ude00"),
        (r"\uD83D\uD83D\uDE00", "\ufffd😀", r"\uD83D"),
        (r"\\ \\\ude00x", "\\ \\\ufffdx", r"\ude00"),
    ],
)
@pytest.mark.parametrize("layout", ['{{"t": "{}"}}', '[1,\n{{"t": "{}"}}]'])
def test_lone_surrogates_are_replaced_one_for_one(file, layout, escaped, text, near):
    source = file(layout.format(escaped))
    line, value = entries(source)[-1]
    assert value == {"t": text}
    [(check, noted, detail)] = notes(source)
    assert (check, noted) == ("encoding", line)
    assert near in detail


def test_surrogate_pairs_and_escaped_backslashes_are_kept(file):
    source = file(r'{"t": "\ud83d\ude00 \\ud83d \u00e9"}')
    assert entries(source) == [(1, {"t": "😀 \\ud83d é"})]
    assert notes(source) == []


def test_surrogates_in_keys(file):
    assert entries(file(r'{"a\udc00": 1}')) == [(1, {"a\ufffd": 1})]


def test_not_a_number_is_read_as_python_writes_it(file):
    [(_, value)] = entries(file('{"a": NaN, "b": -Infinity}'))
    assert str(value) == "{'a': nan, 'b': -inf}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": }', r"a.json:2: not JSON \(Expecting value: '}'\). The file must hold"),
        ('{"a": 1}\n{"a": "Oslo', r"a.json:2: not JSON \(Unterminated string.*'\"Oslo'"),
        ('{"a": 1} {"b": 2}', r"a.json:1: not JSON \(Extra data: '{\"b\": 2}'"),
        ("\nOslo (GPE)", r"a.json:2: not JSON \(Expecting value: 'Oslo \(GPE\)'"),
        ('[{"a": 1},\n {"b": 2}', r"a.json:2: the JSON list has no end. Export"),
        ('[{"a": 1},\n', r"a.json:2: not JSON \(Expecting value: ''"),
        ('[{"a": 1},\n{"b": "Os', r"a.json:2: not JSON \(Unterminated string.*'\"Os'"),
        ('[{"a": 1},\n{"b":\n', r"a.json:3: not JSON \(Expecting value: ''"),
        ('[{"a": 1}\n{"b": 2}]', r"a.json:2: the JSON list goes on with '{\"b\": 2}\]' where a comma"),
        ('[{"a": 1},]', r"a.json:1: not JSON \(Expecting value: '\]'"),
        ('[{"a": 1}, , 2]', r"a.json:1: not JSON \(Expecting value: ', 2\]'"),
        ('[{"a": 1}]\n[{"b": 2}]', r"a.json:2: '\[{\"b\": 2}\]' after the end of the JSON list"),
        ('[{"a": 1}]\n\nxyz', r"a.json:3: 'xyz' after the end of the JSON list"),
        ("[", r"a.json:1: not JSON \(Expecting value: ''"),
        ('[{"a":\n\n"x\ty"}]', r"a.json:3: not JSON \(Invalid control character at: '\\ty"),
        (b'[{"a": 1},\n{"b": "\xe9"}]', r"a.json:2: not UTF-8 text \(byte 0xe9\). Save the file"),
        (b'[{"a": 1},\n\n{"b": "\xc3', r"a.json:3: not UTF-8 text \(byte 0xc3\)"),
        (b'{"a": 1}\n{"b": "\xe9"}', r"a.json:2: not UTF-8 text \(byte 0xe9\)"),
        ('{"a": %s}' % ("1" * 5000), r"a.json:1: not JSON \(Exceeds the limit"),
        ('[{"a": %s}]' % ("1" * 5000), r"a.json:1: not JSON \(Exceeds the limit"),
        ("[" * 100_000, r"a.json:1: not JSON \(nested too deeply"),
        ('{"a": ' * 100_000, r"a.json:1: not JSON \(nested too deeply"),
        (gzip.compress(b'[{"a": "%s"}]' % (b"x" * 99))[:-9], "a.json: cannot be read to its end"),
        (gzip.compress(b'{"a": 1}\n' * 9)[:-9], "a.json: cannot be read to its end"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(file, content, message):
    with pytest.raises(DataError, match=message):
        entries(file(content))


def test_nesting_and_surrogates_that_only_just_fit(file):
    for depth in range(900, 1010):
        source = file('{{"a": {}"\\ud800"{}}}'.format("[" * depth, "]" * depth))
        with contextlib.suppress(DataError):
            entries(source)


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\ud8n1. \n', max_size=60))
def test_only_data_errors_whatever_the_file(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source = Source(path, "a.json")
    with contextlib.suppress(DataError):
        first_entry(source.head(), source)
        entries(source)


@pytest.mark.parametrize(
    ("head", "entry"),
    [
        ('{"a": 1}\n{"b"', {"a": 1}),
        ('\n[\n {"a": 1}, {"b"', {"a": 1}),
        ('["t", {"a": 1}]\n', ["t", {"a": 1}]),
        ('[["t", {"a": 1}], ', ["t", {"a": 1}]),
        ('{"a": ', None),
        ("[]", None),
        ("", None),
        ("Oslo", None),
        ("[" * 100_000, None),
        ("1" * 5000, None),
    ],
)
def test_first_entry_of_a_head(head, entry):
    assert first_entry(head) == entry


@pytest.mark.parametrize("layout", ["{}\n{}", "[{},\n{}]"])
def test_first_entry_longer_than_the_head(file, layout):
    value = {"text": "é" * 200_000, "label": []}
    source = file(layout.format(json.dumps(value), "{}"))
    assert first_entry(source.head()) is None
    assert first_entry(source.head(), source) == value
    assert len(source.findings) == 0


def test_first_entry_that_is_broken_beyond_the_head(file):
    source = file('{"text": "%s' % ("x" * 200_000))
    assert first_entry(source.head(), source) is None


def test_scalars_are_kept_as_strings():
    entry = {"id": 7, "a": "x", "b": True, "c": None, "d": [1], "e": {"f": 1}, "g": 0.5, "h": "y"}
    assert scalars(entry, ("h",)) == {"id": "7", "a": "x", "b": "true", "g": "0.5"}


def test_long_and_deep_values_are_cut_for_messages():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert len(shown("x" * 10_000)) <= 61
    assert len(shown({str(i): list(range(1000)) for i in range(1000)})) <= 61
    assert shown(deep).startswith("[[[[")
    assert shown(["a", 1]) == "['a', 1]"


@pytest.fixture
def checks(file):
    return Checks(file(""), 3)


def test_spans_may_lie_anywhere(checks):
    for start, end in [(0, 3), (3, 0), (-5, 2), (0, 999), (2, 2)]:
        assert checks.span("Ada met Bo", start, end, "PER") == EntitySpan(start, end, "PER")
    assert notes(checks.source) == []


def test_surface_settles_how_a_span_is_counted(checks):
    assert checks.span("😀 Ada", 3, 6, "PER", "Ada") == EntitySpan(2, 5, "PER")
    assert checks.span("😀 Ada", 0, 2, "PER", "Bo") == EntitySpan(0, 2, "PER")
    assert [(check, line) for check, line, _ in notes(checks.source)] == [
        ("utf16-offsets", 3),
        ("text-mismatch", 3),
    ]


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [(0, 3.0, "A"), (True, 3, "A"), (0, "3", "A"), (None, 3, "A"), (0, [3], "A"),
     (0, 3, None), (0, 3, ""), (0, 3, " "), (0, 3, 4), (0, 3, ["A"])],
)  # fmt: skip
def test_spans_of_other_types_are_refused(checks, start, end, label):
    with pytest.raises(DataError) as caught:
        checks.span("Ada met Bo", start, end, label)
    assert str(caught.value).startswith(
        f"a.json:3: the span {[start, end, label]!r} is not made of"
    )


def test_words(checks):
    def token(start, end):
        return {"start": start, "end": end}

    assert checks.words("Ada met", [token(0, 3), token(4, 7)]) == [(0, 3), (4, 7)]
    marked = [token(0, 0), token(0, 3), token(3, 3), token(4, 7), token(0, 0)]
    assert checks.words("Ada met", marked) == [(0, 3), (4, 7)]
    assert checks.words("", []) is None
    assert checks.words("Ada", None) is None


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (5, "'tokens' must be a list, not 5"),
        (["Ada"], "a token must be a JSON object, not 'Ada'"),
        ([{"start": 0}], "the token {'start': 0} lacks whole numbers"),
        ([{"start": 0, "end": 3.0}], "the token {'end': 3.0, 'start': 0} lacks whole numbers"),
    ],
)  # fmt: skip
def test_tokens_of_other_types_are_refused(checks, tokens, message):
    with pytest.raises(DataError, match="a.json:3: .*" + message):
        checks.words("Ada met", tokens)


def test_misplaced_tokens_are_left_out_and_noted(checks):
    offsets = [(-1, 0), (4, 7), (0, 3), (6, 8), (8, 9), (9, 8), (9, 10), (9, 11), (10, 10**9)]
    tokens = [{"start": start, "end": end} for start, end in offsets]
    assert checks.words("Ada met Bo", tokens) == [(4, 7), (8, 9), (9, 10)]
    assert notes(checks.source) == [
        ("misplaced-token", 3, detail)
        for detail in [
            "{'end': 0, 'start': -1} after offset 0 of 10",
            "{'end': 3, 'start': 0} after offset 7 of 10",
            "{'end': 8, 'start': 6} after offset 7 of 10",
            "{'end': 8, 'start': 9} after offset 9 of 10",
            "{'end': 11, 'start': 9} after offset 10 of 10",
            "{'end': 1000000000, 'start': 10} after offset 10 of 10",
        ]
    ]


def test_python_strings_lose_lone_surrogates(checks):
    assert checks.string("a\ud83d\ude00b", "the text") == "a\ufffd\ufffdb"
    assert [check for check, _, _ in notes(checks.source)] == ["encoding"]
