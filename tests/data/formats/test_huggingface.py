"""Files laid out as https://huggingface.co/docs/datasets describes them, made with pyarrow."""

import gzip
import json
import struct

import pyarrow as pa
import pyarrow.parquet
import pytest

from spacy_bert_ner.data.formats import find_format
from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.huggingface import FORMAT
from spacy_bert_ner.data.records import DataError
from spacy_bert_ner.data.sources import Source, find_sources

NAMES = ["O", "B-PER", "I-PER", "B-LOC"]
ROWS = {
    "id": ["0", "1"],
    "tokens": [["Ada", "Lovelace", "slept"], ["In", "Oulu"]],
    "ner_tags": [[1, 2, 0], [0, 3]],
}
EXPECTED = [
    ("Ada Lovelace slept", [("Ada Lovelace", "PER")]),
    ("In Oulu", [("Oulu", "LOC")]),
]
LABELS = {"names": NAMES, "_type": "ClassLabel"}


def rows():
    return [dict(zip(ROWS, values)) for values in zip(*ROWS.values())]


def found(records):
    return [(r.text, [(r.text[s.start : s.end], s.label) for s in r.spans]) for r in records]


def read(path, **options):
    return read_with_notes(path, **options)[0]


def read_with_notes(path, **options):
    source = Source(path)
    assert find_format(source) is FORMAT
    return list(FORMAT.read(source, ReadOptions(**options))), source.findings


def parquet(feature):
    table = pa.table(ROWS)
    info = {"info": {"features": {"ner_tags": feature}}}
    return table.replace_schema_metadata({"huggingface": json.dumps(info)})


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": LABELS, "_type": "Sequence"},
        {"feature": LABELS, "_type": "List"},
        {"feature": LABELS, "length": -1, "_type": "LargeList"},
        [LABELS],
    ],
)
def test_parquet_with_class_labels(tmp_path, feature):
    pa.parquet.write_table(parquet(feature), tmp_path / "a.parquet", row_group_size=1)
    records = read(tmp_path / "a.parquet")
    assert found(records) == EXPECTED
    assert [r.meta["id"] for r in records] == ["0", "1"]
    assert [r.place.line for r in records] == [1, 2]
    assert not records[0].spaces_known
    assert records[0].words == [(0, 3), (4, 12), (13, 18)]


def test_parquet_that_is_compressed_once_more(tmp_path):
    pa.parquet.write_table(parquet([LABELS]), tmp_path / "a.parquet")
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    assert found(read(tmp_path / "b.parquet.gz")) == EXPECTED


def test_parquet_is_told_by_its_content_too(tmp_path):
    pa.parquet.write_table(parquet([LABELS]), tmp_path / "stdin")
    assert found(read(tmp_path / "stdin")) == EXPECTED


def test_parquet_is_read_in_place_while_its_bytes_are_counted(tmp_path):
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(parquet([LABELS]), path)
    counted = []
    assert found(FORMAT.read(Source(path, advance=counted.append), ReadOptions())) == EXPECTED
    assert sum(counted) >= path.stat().st_size


def test_parquet_with_names_of_tags(tmp_path):
    tags = [[NAMES[i] for i in row] for row in ROWS["ner_tags"]]
    columns = {"words": ROWS["tokens"], "tags": pa.array(tags)}
    pa.parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert found(read(tmp_path / "a.parquet")) == EXPECTED


def test_parquet_without_class_labels(tmp_path):
    pa.parquet.write_table(pa.table(ROWS), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet:1: the tag 1 is a number.*--class-names"):
        read(tmp_path / "a.parquet")
    assert found(read(tmp_path / "a.parquet", class_names=NAMES)) == EXPECTED
    with pytest.raises(DataError, match=r"a.parquet:2: the tag 3 is none of the 3"):
        read(tmp_path / "a.parquet", class_names=NAMES[:3])


def test_class_labels_of_another_column_name_no_tags(tmp_path):
    info = {"info": {"features": {"labels": [LABELS]}}}
    table = pa.table(ROWS).replace_schema_metadata({"huggingface": json.dumps(info)})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet:1: the tag 1 is a number without a name"):
        read(tmp_path / "a.parquet")


def test_class_labels_of_the_file_come_before_those_of_the_user(tmp_path):
    pa.parquet.write_table(parquet([LABELS]), tmp_path / "a.parquet")
    assert found(read(tmp_path / "a.parquet", class_names=["O"] * 4)) == EXPECTED


@pytest.mark.parametrize("tokens", ["tokens", "words"])
@pytest.mark.parametrize("tags", ["ner_tags", "ner", "tags", "labels"])
@pytest.mark.parametrize("as_list", [True, False])
def test_json(tmp_path, tokens, tags, as_list):
    entries = [{tokens: row["tokens"], tags: [NAMES[i] for i in row["ner_tags"]]} for row in rows()]
    text = json.dumps(entries, indent=1) if as_list else "\n".join(map(json.dumps, entries))
    (tmp_path / "a.json").write_text(text)
    assert found(read(tmp_path / "a.json")) == EXPECTED


def test_the_most_particular_list_is_that_of_the_tags(tmp_path):
    row = {"tokens": ["Oulu"], "labels": ["X"], "tags": ["NNP"], "ner": ["B-LOC"], "ner_tags": "no"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    (record,) = read(tmp_path / "a.jsonl")
    assert found([record]) == [("Oulu", [("Oulu", "LOC")])]
    assert record.meta == {"ner_tags": "no"}


def test_json_with_numbers(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows())))
    assert found(read(tmp_path / "a.jsonl", class_names=NAMES)) == EXPECTED


@pytest.mark.parametrize(
    "tags", ["B-A I-A O B-B", "B-A L-A O U-B", "B-A E-A O S-B", "I-A I-A O I-B", "B-A M-A O W-B"]
)
def test_any_scheme(tmp_path, tags):
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": [*"abcd"], "tags": tags.split()}))
    assert found(read(tmp_path / "a.jsonl")) == [("a b c d", [("a b", "A"), ("d", "B")])]


def test_metadata(tmp_path):
    row = {"id": 3, "tokens": ["x"], "pos_tags": ["X"], "tags": ["O"], "genre": "news", "no": None}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    assert read(tmp_path / "a.jsonl")[0].meta == {"id": "3", "genre": "news"}


def saved(folder, shards=2):
    """A folder as `Dataset.save_to_disk` writes it."""
    folder.mkdir(parents=True)
    files = []
    table = pa.table(ROWS)
    for i in range(shards):
        name = f"data-{i:05}-of-{shards:05}.arrow"
        part = table.slice(i * 2 // shards, 2 // shards)
        with pa.OSFile(str(folder / name), "wb") as out, pa.ipc.new_stream(out, part.schema) as s:
            s.write_table(part)
        files.append({"filename": name})
    features = {"ner_tags": {"feature": LABELS, "_type": "Sequence"}}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "state.json").write_text(json.dumps({"_data_files": files}))
    return folder


def test_saved_dataset(tmp_path):
    folder = saved(tmp_path / "set")
    (source,), _ = find_sources(str(folder))
    assert source.path == folder
    records = read(folder)
    assert found(records) == EXPECTED
    assert [str(r.place) for r in records] == [
        f"{folder}/data-00000-of-00002.arrow:1",
        f"{folder}/data-00001-of-00002.arrow:1",
    ]


def test_saved_splits(tmp_path):
    splits = ["train", "validation", "test", "unlabelled"]
    for name in splits:
        saved(tmp_path / "set" / name, shards=1)
    (tmp_path / "set" / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
    records = read(tmp_path / "set")
    expected = [name for name in ("train", "dev", "test", "unlabelled") for _ in range(2)]
    assert [r.meta["split"] for r in records] == expected
    assert str(records[3].place).endswith("set/validation/data-00000-of-00001.arrow:2")


STATE = "state.json"
INFO = "dataset_info.json"
SPLITS = "dataset_dict.json"
SHARD = "data-00001-of-00002.arrow"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (SHARD, "garbage", r"not a whole Arrow stream \(.+\)"),
        (SHARD, "", r"not a whole Arrow stream \(.+\)"),
        (SHARD, None, "cannot be read"),
        (STATE, None, "cannot be read"),
        (STATE, "{", "not JSON"),
        (STATE, "[" * 100_000, "not JSON"),
        (STATE, "[]", "'_data_files' is None"),
        (STATE, '{"_data_files": 5}', "'_data_files' is 5"),
        (STATE, '{"_data_files": [5]}', "5 names no file"),
        (STATE, '{"_data_files": [{"filename": null}]}', "{'filename': None} names no file"),
        (STATE, '{"_data_files": [], "_indices_data_files": [{"filename": "indices.arrow"}]}',
         r"only rows listed in \[{'filename': 'indices.arrow'}\] belong to the data set"),
        (INFO, None, "cannot be read"),
        (INFO, '{"features": []}', r"'features' is \[\]"),
        (INFO, b"\xff", "not UTF-8"),
        (SPLITS, "{}", "'splits' is None"),
        (SPLITS, '{"splits": [5]}', "a split is called 5"),
    ],
    ids=range(16),
)  # fmt: skip
def test_damaged_folders(tmp_path, name, content, message):
    folder = saved(tmp_path / "set")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=rf"set/{name}(:1)?: {message}"):
        list(FORMAT.read(Source(folder), ReadOptions()))


def test_a_split_that_is_missing(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(DataError, match=r"/train/dataset_info.json: cannot be read"):
        read(tmp_path)


def test_an_arrow_file_with_damaged_offsets(tmp_path):
    path = saved(tmp_path / "set", shards=1) / "data-00000-of-00001.arrow"
    # Where the five tokens begin, and the last one ends.
    content, offsets = path.read_bytes(), struct.pack("<6i", 0, 3, 11, 16, 18, 22)
    assert content.count(offsets) == 1
    path.write_bytes(content.replace(offsets, struct.pack("<6i", 0, 3, 1 << 30, 16, 18, 22)))
    with pytest.raises(DataError, match=r"00001.arrow: not a whole Arrow stream \(.*offset"):
        read(tmp_path / "set")


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "metadata"])
def test_damaged_parquet(tmp_path, damage):
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(parquet([LABELS]).replace_schema_metadata({"huggingface": "{"}), path)
    content = {"truncated": path.read_bytes()[:-9], "garbage": b"PAR1 x", "empty": b""}
    path.write_bytes(content.get(damage, path.read_bytes()))
    with pytest.raises(DataError, match=r"a.parquet: not a whole Parquet file \(.+\)") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("[1]", r"a row must be a JSON object, not \[1\]"),
        ('{"tags": ["O"]}', r"there is no 'tokens', only {'tags': \['O'\]}"),
        ('{"tokens": ["x"], "tags": null}', "there is no 'tags', only"),
        ('{"tokens": "x", "tags": ["O"]}', "'tokens' must be a list, not 'x'"),
        ('{"tokens": {"0": "x"}, "tags": ["O"]}', "'tokens' must be a list, not {'0': 'x'}"),
        ('{"tokens": [5], "tags": ["O"]}', "a token must be a string, not 5"),
        ('{"tokens": [null], "tags": ["O"]}', "a token must be a string, not None"),
        ('{"tokens": ["x", "y"], "tags": ["O"]}', "2 tokens, but 1 tags"),
        ('{"tokens": ["x"], "tags": [-100]}', "the tag -100 is none of the 4 that have names"),
        ('{"tokens": ["x"], "tags": [true]}', "True is no tag"),
        ('{"tokens": ["x"], "tags": [0.0]}', "0.0 is no tag"),
        ('{"tokens": ["x"], "tags": ["1"]}', "'1' is no tag"),
        ('{"tokens": ["x"], "tags": ["PER"]}', "'PER' is no tag"),
        ('{"tokens": ["x"], "tags": [["O"]]}', r"\['O'\] is no tag"),
        ('{"tokens": ["x"], "tags": [', "not JSON"),
    ],
)
def test_malformed_rows_are_named_with_their_line(tmp_path, row, message):
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["x"], "tags": ["O"]}\n\n' + row)
    with pytest.raises(DataError, match=f"a.jsonl:3: {message}"):
        read(path, class_names=NAMES)


def test_a_first_row_without_lists(tmp_path):
    path = tmp_path / "a.jsonl"
    for row, columns in [
        ({"tokens": "x", "tags": ["O"]}, "'tokens' or 'words'"),
        ({"tokens": ["x"], "pos": ["N"]}, "'ner_tags' or 'ner' or 'tags' or 'labels'"),
    ]:
        path.write_text(json.dumps(row))
        with pytest.raises(DataError, match=rf"a.jsonl:1: there is no list in {columns}, only"):
            list(FORMAT.read(Source(path), ReadOptions()))


@pytest.mark.parametrize(
    ("tokens", "tags", "text", "spans"),
    [
        (["Ada", "", "x"], ["B-PER", "O", "O"], "Ada x", [(0, 3)]),
        (["a", "", "Ada", "x"], ["O", "B-PER", "I-PER", "O"], "a Ada x", [(2, 5)]),
        (["Ada", "", "x"], ["B-PER", "I-PER", "O"], "Ada x", [(0, 3)]),
        (["Ada", "", "B"], ["B-PER", "I-PER", "I-PER"], "Ada B", [(0, 5)]),
        (["", "x"], ["B-PER", "O"], "x", [(0, 0)]),
        (["Ada", ""], ["O", "B-PER"], "Ada", [(3, 3)]),
    ],
)
def test_empty_tokens_are_left_out_but_no_entity_is(tmp_path, tokens, tags, text, spans):
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": tokens, "tags": tags}))
    (record,), notes = read_with_notes(tmp_path / "a.jsonl")
    assert record.text == text
    assert [text[start:end] for start, end in record.words] == text.split()
    assert [(span.start, span.end) for span in record.spans] == spans
    assert notes.counts == {"empty-token": 1}


def test_a_row_without_tokens(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"tokens": [], "tags": []}')
    assert found(read(tmp_path / "a.jsonl")) == [("", [])]


def test_repaired_tags_are_counted(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"tokens": ["a", "b"], "tags": ["B-X", "I-Y"]}')
    records, notes = read_with_notes(tmp_path / "a.jsonl")
    assert found(records) == [("a b", [("a", "X"), ("b", "Y")])]
    assert [(f.check, f.place.line, f.detail) for f in notes] == [
        ("repaired-tags", 1, "'I-Y' of 'b' follows or leads to no tag that it may")
    ]


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (["B-X I-X", "B-X O", "O I-X"], [3]),  # IOB2
        (["O I-X", "I-X B-X", "O I-X"], []),  # IOB1
        (["B-X E-X", "S-X O"], []),  # BIOES
    ],
)
def test_the_scheme_that_tags_must_keep_is_that_of_the_file(tmp_path, rows, lines):
    entries = [{"tokens": ["a", "b"], "tags": row.split()} for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, entries)))
    _, notes = read_with_notes(tmp_path / "a.jsonl")
    assert [finding.place.line for finding in notes.of("repaired-tags")] == lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"tokens": ["x"], "ner_tags": [0]}', True),
        ('[{"words": ["x"], "labels": ["O"]}]', True),
        ('{"tokens": ["x"], "tags": [null]}', True),
        (json.dumps({"tokens": ["x"] * 50_000, "tags": ["O"] * 50_000}), True),
        ('{"tokens": [{"text": "x"}], "tags": ["O"]}', False),
        ('{"tokens": ["x"], "labels": [[0, 1, "X"]]}', False),
        ('{"tokens": ["x"]}', False),
        ('{"tags": ["O"]}', False),
        ('{"text": "x", "spans": []}', False),
        ('["x", {"entities": []}]', False),
        ("tokens\ttags\nx\tO\n", False),
        ('{"tokens": ', False),
        ("", False),
    ],
    ids=range(13),
)
def test_matches_its_own_and_nobody_elses(tmp_path, content, expected):
    (tmp_path / "a.json").write_text(content)
    source = Source(tmp_path / "a.json")
    assert FORMAT.matches(source.head(), source) is expected


def test_other_folders_are_not_matched(tmp_path):
    assert not FORMAT.matches("", Source(tmp_path))
