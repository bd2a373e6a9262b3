"""Files, folders, patterns and standard input as Sources, and their bytes as lines of text."""

import gzip
import io
import sys

import pytest

from spacy_bert_ner.data.records import DataError, Place
from spacy_bert_ner.data.sources import HEAD_SIZE, Source, find_sources

TEXT = "one\ntwo\n"


def make(folder, *names, content=b"x"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def source(tmp_path, content, name="a.txt"):
    return Source(make(tmp_path, name, content=content) / name, name)


def notes(source):
    return [(finding.place.line, finding.detail) for finding in source.findings]


def names(found, root):
    return [str(s.path.relative_to(root)) for s in found]


def test_names(tmp_path):
    found = Source(tmp_path / "b.1.CONLL.GZ")
    assert found.name == str(tmp_path / "b.1.CONLL.GZ")
    assert (found.stem, found.ending) == ("b.1", ".conll")
    assert (Source(tmp_path, "<stdin>").stem, Source(tmp_path, "<stdin>").ending) == ("<stdin>", "")
    assert Source(tmp_path, "x.txt").place(3) == Place("x.txt", 3)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_lines_and_text_of_plain_and_compressed_files(tmp_path, compress):
    given = source(tmp_path, compress(TEXT.encode()))
    assert list(given.lines()) == [(1, "one"), (2, "two")]
    assert list(given.raw_lines()) == ["one\n", "two\n"]
    assert given.text() == given.head() == TEXT
    with given.open() as file:
        assert file.read() == TEXT.encode()
    assert notes(given) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [(1, "")]),
        (b"a", [(1, "a")]),
        (b"a\n\nb", [(1, "a"), (2, ""), (3, "b")]),
        ("a\u2028b\x0b\x85c\rd\n".encode(), [(1, "a\u2028b\x0b\x85c\rd")]),
    ],
)
def test_only_line_feeds_end_lines(tmp_path, content, expected):
    assert list(source(tmp_path, content).lines()) == expected


def test_carriage_returns_at_line_ends_are_left_out_of_lines_only(tmp_path):
    given = source(tmp_path, b"a\nb\r\nc\r\r\n")
    assert list(given.lines()) == [(1, "a"), (2, "b"), (3, "c\r")]
    assert notes(given) == [(2, "lines end with CR LF, read as line ends")]
    assert given.text() == "a\nb\r\nc\r\r\n"


def test_byte_order_mark(tmp_path):
    given = source(tmp_path, b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n")
    assert list(given.lines()) == [(1, "a"), (2, "\ufeffb")]
    assert given.head() == "a\n\ufeffb\n"
    assert notes(given) == [(1, "a byte order mark at the beginning, left out")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16(tmp_path, encoding):
    # U+0A0A has two bytes that are line feeds by themselves.
    given = source(tmp_path, "\ufeffa😀\u0a0a\r\nb".encode(encoding))
    assert list(given.lines()) == [(1, "a😀\u0a0a"), (2, "b")]
    assert given.text() == given.head() == "a😀\u0a0a\r\nb"
    assert notes(given)[0] == (0, "UTF-16, read as such")


def test_nul_is_kept_and_noted_once(tmp_path):
    given = source(tmp_path, b"a\nb\0\nc\0\n")
    assert given.text() == "a\nb\0\nc\0\n"
    assert notes(given) == [(2, "a NUL character in the text, kept")]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"caf\xe9 \n", 1, "not UTF-8 text (byte 0xe9)"),
        (b"fine\ngut\n" + b"M\xfcnchen\n", 3, "not UTF-8 text (byte 0xfc)"),
        (b"a\n\xff\n", 2, "not UTF-8 text (byte 0xff)"),
        (b"a\n\xed\xa0\x80\n", 2, "not UTF-8 text (byte 0xed)"),
        (b"a\nb\xe2\x82", 2, "not UTF-8 text (byte 0xe2)"),
        ("\ufeffa\nb".encode("utf-16-le") + b"\xd8", 2, "not UTF-16 text (byte 0xd8)"),
        ("\ufeffa\n".encode("utf-16-le") + b"\x00\xdcb\x00", 2, "not UTF-16 text (byte 0x00)"),
    ],
)
def test_other_encodings_are_refused_with_their_line(tmp_path, content, line, message):
    given = source(tmp_path, content)
    for read in (given.text, lambda: list(given.lines())):
        with pytest.raises(DataError) as caught:
            read()
        assert str(caught.value).startswith(f"a.txt:{line}: {message}. Save the file as UTF-8")
    given.head()


def test_a_head_is_short_and_may_end_anywhere(tmp_path):
    given = source(tmp_path, b"a" + "é".encode() * HEAD_SIZE)
    assert len(given.head().encode()) <= HEAD_SIZE + 2
    assert given.head().endswith("\ufffd")


@pytest.mark.parametrize("cut", [slice(0, 2), slice(0, 15), slice(0, -4), slice(0, -9)])
def test_a_truncated_compressed_file_is_refused(tmp_path, cut):
    whole = gzip.compress(bytes(range(128)) * 40)
    given = source(tmp_path, whole[cut], "a.txt.gz")
    for read in (given.head, given.text, lambda: list(given.lines())):
        with pytest.raises(DataError, match=r"^a.txt.gz: cannot be read to its end \(.*\). Copy"):
            read()


def test_a_damaged_compressed_file_is_refused(tmp_path):
    whole = bytearray(gzip.compress(b"some text, " * 1000))
    whole[20] ^= 0xFF
    with pytest.raises(DataError, match=r"^a.txt.gz: cannot be read to its end"):
        list(source(tmp_path, bytes(whole), "a.txt.gz").lines())


def test_a_file_that_cannot_be_opened(tmp_path):
    given = source(tmp_path, b"x")
    given.path.unlink()
    with pytest.raises(DataError, match=r"^a.txt: cannot be read \(No such file or directory\)"):
        given.head()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_every_byte_on_disk_is_counted_once(tmp_path, compress):
    content = compress(b"".join(b"line %d\n" % i for i in range(50_000)))
    given = source(tmp_path, content)
    counts = []
    given.advance = counts.append
    given.head()
    assert counts == []
    for read in (given.text, lambda: list(given.lines())):
        counts.clear()
        read()
        assert sum(counts) == len(content)
        assert len(counts) > 1


def test_utf16_is_counted_once(tmp_path):
    content = "\ufeffa\nb\n".encode("utf-16-le") * 1000
    given = source(tmp_path, content)
    counts = []
    given.advance = counts.append
    list(given.lines())
    assert sum(counts) == len(content)


def test_a_file_is_itself_whatever_its_name(tmp_path):
    given = str(make(tmp_path, "README.md") / "README.md")
    [found], left = find_sources(given)
    assert (found.name, found.split, left) == (given, "", [])


def test_a_folder_is_searched_with_its_subfolders(tmp_path):
    make(tmp_path, "b.conll", "a/z.txt", "a/c/x.jsonl.gz", ".git/config", "a/.hidden.txt")
    found, left = find_sources(str(tmp_path))
    assert names(found, tmp_path) == ["a/c/x.jsonl.gz", "a/z.txt", "b.conll"]
    assert [s.name for s in found] == [str(s.path) for s in found]
    assert left == []


def test_what_is_beside_the_annotations(tmp_path):
    make(tmp_path, "README.md", "readme_de.txt", "LICENSE", "LICENSE-CC-BY-4.0", "d/notes.md")
    make(tmp_path, "conversion.json", "rejects.jsonl", "a.rejects.jsonl", "Guidelines.pdf")
    make(tmp_path, "labels.txt", "annotation.conf", "d/x.ann", "d/x.txt", "TypeSystem.xml")
    make(tmp_path, "notice-1.ann", "notice-1.txt", "guide.conll", "alone.txt")
    found, left = find_sources(str(tmp_path))
    assert names(found, tmp_path) == ["alone.txt", "d/x.ann", "guide.conll", "notice-1.ann"]
    assert sorted(left) == sorted(
        str(tmp_path / name)
        for name in ("README.md", "readme_de.txt", "LICENSE", "LICENSE-CC-BY-4.0", "d/notes.md",
                     "conversion.json", "rejects.jsonl", "a.rejects.jsonl", "Guidelines.pdf")
    )  # fmt: skip


@pytest.mark.parametrize("names", [[], ["README.md"], [".hidden"], ["labels.txt"]])
def test_a_folder_without_annotations(tmp_path, names):
    with pytest.raises(DataError, match=r"no annotation file in it"):
        find_sources(str(make(tmp_path, *names)))


def test_a_link_to_a_folder_above_is_not_followed(tmp_path):
    make(tmp_path, "set/sub/a.txt", "other/b.txt")
    (tmp_path / "set" / "sub" / "up").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "more").symlink_to(tmp_path / "other")
    found, _ = find_sources(str(tmp_path / "set"))
    assert names(found, tmp_path / "set") == ["more/b.txt", "sub/a.txt"]


def test_a_folder_that_cannot_be_searched(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        find_sources(str(tmp_path))


@pytest.mark.parametrize(
    "inside", [["0001.spacy"], ["dataset_dict.json", "train/state.json"],
               ["state.json", "dataset_info.json", "data.arrow"]],
)  # fmt: skip
def test_folders_that_are_one_source(tmp_path, inside):
    whole = make(tmp_path / "set" / "train.spacy", *inside)
    for given in (str(whole), str(tmp_path / "set"), str(tmp_path / "set" / "**")):
        [found], _ = find_sources(given)
        assert (found.path, found.split) == (whole, "train")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", [("a.txt", ""), ("train.txt", "train")]),
        ("**/*.txt", [("a.txt", ""), ("dev/x.txt", "dev"), ("train.txt", "train")]),
        ("d*", [("dev/x.txt", "dev"), ("dev/y.conll", "dev")]),
        ("dev/*", [("dev/x.txt", ""), ("dev/y.conll", "")]),
        ("[ab].txt", [("a.txt", "")]),
        ("?.txt", [("a.txt", "")]),
    ],
)
def test_patterns(tmp_path, monkeypatch, pattern, expected):
    make(tmp_path, "a.txt", "train.txt", "dev/x.txt", "dev/y.conll", "dev/README.txt", ".h.txt")
    monkeypatch.chdir(tmp_path)
    for given in (pattern, str(tmp_path / pattern)):
        found, _ = find_sources(given)
        assert [(str(s.path.absolute().relative_to(tmp_path)), s.split) for s in found] == expected


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    [found], _ = find_sources(str(make(tmp_path, "a[1].txt") / "a[1].txt"))
    assert found.path == tmp_path / "a[1].txt"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.txt", "train"),
        ("Train.conll.gz", "train"),
        ("dev.txt", "dev"),
        ("valid.jsonl", "dev"),
        ("validation.jsonl", "dev"),
        ("val.conll", "dev"),
        ("test.txt", "test"),
        ("test-00000-of-00003.parquet", "test"),
        ("training.txt", ""),
        ("train/a.txt", "train"),
        ("validation/sub/a.txt", "dev"),
        ("train/test.txt", "test"),
        ("test/train/a.txt", "train"),
        ("other/a.txt", ""),
    ],
)
def test_splits_are_told_by_names_below_the_folder(tmp_path, name, split):
    folder = make(tmp_path / "dev", name)
    [found], _ = find_sources(str(folder))
    assert found.split == split


def test_what_there_is_instead_of_a_missing_file(tmp_path):
    make(tmp_path, "b.txt", "a/c.txt", ".hidden")
    for missing in ("c.txt", "no/such/c.txt", "*.conll"):
        with pytest.raises(DataError) as caught:
            find_sources(str(tmp_path / missing))
        assert str(caught.value) == (
            f"{tmp_path / missing}: no such file or folder, and no file matches it as a pattern. "
            f"In {tmp_path} there is: a, b.txt."
        )
    make(tmp_path / "many", *(f"{i:02}.txt" for i in range(30)))
    with pytest.raises(DataError, match=r"there is: 00.txt, .* 19.txt, ….$"):
        find_sources(str(tmp_path / "many" / "x"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"there is: nothing.$"):
        find_sources(str(tmp_path / "empty" / "x"))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_standard_input_is_read_more_than_once(monkeypatch, compress):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(compress(TEXT.encode()))))
    [found], left = find_sources("-")
    try:
        assert (found.name, found.split, found.stem, left) == ("<stdin>", "", "<stdin>", [])
        assert found.head() == TEXT
        assert found.text() == TEXT
    finally:
        found.path.unlink()
