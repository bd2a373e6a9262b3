"""Columns as in CoNLL-2003 (https://www.clips.uantwerpen.be/conll2003/ner/) and Universal NER."""

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.conll import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
IOB2 = "Ada\tB-PER\nLovelace\tI-PER\nmet\tO\n\nOulu\tB-LOC\n"


def source_of(tmp_path, text):
    path = tmp_path / "file.conll"
    path.write_text(text, encoding="utf-8")
    return Source(path, "file.conll")


def found(records):
    return [(r.text, [(r.text[s.start : s.end], s.label) for s in r.spans]) for r in records]


def read(tmp_path, text, **options):
    source = source_of(tmp_path, text)
    assert FORMAT.matches(source.head(), source)
    return list(FORMAT.read(source, ReadOptions(**options)))


@pytest.mark.parametrize(
    "text",
    [
        IOB2,
        IOB2.replace("\n\n", "\n\t\n"),
        IOB2.replace("\n", "\r\n"),
        "Ada I-PER\nLovelace I-PER\nmet O\n\nOulu I-LOC\n",
        "Ada\tB-PER\nLovelace\tE-PER\nmet\tO\n\nOulu\tS-LOC\n",
        "Ada B-PER\nLovelace E-PER\nmet O\n\nOulu W-LOC\n",
        "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nLovelace NNP I-NP L-PER\nmet VBD O O\n\n"
        "Oulu NNP B-NP U-LOC\n",
        "Ada   NNP  B-PER\nLovelace NNP  I-PER\nmet   VBD  O\n\nOulu  NNP  B-LOC",
        "# newdoc id = a\n# text = Ada\n1\tAda\tB-PER\t-\t-\n2\tLovelace\tI-PER\t-\t-\n"
        "3\tmet\tO\t-\tann\n\n1\tOulu\tB-LOC\t-\t-\n",
        "Ada\tB-PER,B-ORG\nLovelace\tI-PER,O\nmet\tO\n\nOulu\tB-LOC\n",
    ],
)
def test_shapes_of_columns(tmp_path, text):
    assert found(read(tmp_path, text)) == [
        ("Ada Lovelace met", [("Ada Lovelace", "PER")]), ("Oulu", [("Oulu", "LOC")]),
    ]  # fmt: skip


def test_places_ids_and_documents(tmp_path):
    text = "-DOCSTART- O\n\na O\nb B-X\n\nc O\n\n-DOCSTART- O\n\nd O\n"
    records = read(tmp_path, text)
    assert [(r.meta["id"], r.meta["document"]) for r in records] == [
        ("file-1", "file-d1"), ("file-2", "file-d1"), ("file-3", "file-d2"),
    ]  # fmt: skip
    assert [str(r.place) for r in records] == ["file.conll:3", "file.conll:6", "file.conll:10"]
    assert str(records[0].place_of(records[0].spans[0])) == "file.conll:4"
    assert "document" not in read(tmp_path, IOB2)[0].meta


def test_documents_by_newdoc_and_docstart(tmp_path):
    text = (
        "a\tO\n\n# newdoc\nb\tO\n\n# newdoc id = x y\nc\tO\n-DOCSTART-\tO\nd\tO\n\n"
        "# newpar\n# global.columns = FORM NE\ne\tO\n"
    )
    assert [r.meta.get("document") for r in read(tmp_path, text)] == [
        None, "file-d1", "x y", "file-d3", "file-d3",
    ]  # fmt: skip


def test_comments_are_metadata_and_text_gives_the_spaces(tmp_path):
    text = (
        "# newdoc id = n7\n# sent_id = s1\n# text = Ada's pen,  red.\n# author = K\n"
        "1\tAda\tB-PER\n2\t's\tO\n3\tpen\tO\n4\t,\tO\n5\tred\tO\n6\t.\tO\n\n"
        "# text = Something else\n1\tOulu\tB-LOC\n"
    )
    source = source_of(tmp_path, text)
    first, second = FORMAT.read(source, ReadOptions())
    assert first.text == "Ada's pen,  red."
    assert first.spaces_known
    assert [first.text[s:e] for s, e in first.words] == ["Ada", "'s", "pen", ",", "red", "."]
    assert first.meta == {"id": "s1", "document": "n7", "author": "K"}
    assert second.text == "Oulu"
    assert not second.spaces_known
    assert [(f.check, f.place.line) for f in source.findings] == [("text-mismatch", 13)]


def test_text_is_kept_from_the_first_word_to_the_last(tmp_path):
    first, second = read(tmp_path, "# text =   a  b \na\tO\nb\tB-X\n\n#  text=cd\nc\tO\nd\tO\n")
    assert (first.text, first.words, first.spans) == (
        "a  b", [(0, 1), (3, 4)], [EntitySpan(3, 4, "X")],
    )  # fmt: skip
    assert (second.text, second.spaces_known) == ("cd", True)


def test_metadata_is_that_of_the_sentence_right_below(tmp_path):
    first, second, third = read(
        tmp_path, "# source = a = b\n\nx O\n\n# source = a = b\n# by hand\ny O\n\nz O\n"
    )
    assert first.meta == {"id": "file-1"}
    assert second.meta == {"id": "file-2", "source": "a = b"}
    assert third.meta == {"id": "file-3"}


@pytest.mark.parametrize("separator", [" ", "\t"])
@pytest.mark.parametrize("word", ["O", "E-mail", "B-12", "O,O"])
def test_a_comment_may_end_like_a_tag(tmp_path, word, separator):
    text = f"# text = The {word}\nThe{separator}O\n{word}{separator}O\n"
    (record,) = read(tmp_path, text)
    assert (record.text, record.spaces_known, record.spans) == (f"The {word}", True, [])


def test_comments_with_a_tab_and_none_of_the_usual_keys(tmp_path):
    (record,) = read(tmp_path, "# id 5f2-a\tdomain=en\nAda _ _ B-PER\nmet _ _ O\n")
    assert record.spans == [EntitySpan(0, 3, "PER")]


def test_a_hash_may_be_a_token(tmp_path):
    records = read(tmp_path, "# O\n1 B-X\n\n# B-X\nsign O\n")
    assert found(records) == [("# 1", [("1", "X")]), ("# sign", [("#", "X")])]


def test_remarks_and_other_columns_of_tags(tmp_path):
    # As in GermEval 2014: the source after # and a TAB, then number, token, outer and inner entity.
    text = "#\tblog [2009-10-17]\n1\tUlmer\tB-ORG\tB-LOC\n2\tBote\tI-ORG\tO\n"
    assert found(read(tmp_path, text)) == [("Ulmer Bote", [("Ulmer", "LOC")])]
    assert found(read(tmp_path, text, tag_column=3)) == [("Ulmer Bote", [("Ulmer Bote", "ORG")])]
    source = source_of(tmp_path, text)
    list(FORMAT.read(source, ReadOptions()))
    assert [(f.check, f.place.line, f.detail) for f in source.findings] == [
        ("tag-columns", 2, r"columns 3 and 4 of '1\tUlmer\tB-ORG\tB-LOC' hold tags; those of 4 are read")
    ]  # fmt: skip


def test_a_hash_may_be_the_first_token_or_all_there_is(tmp_path):
    assert found(read(tmp_path, "# text = # O\n#\tB-X\nO\tO\n")) == [("# O", [("#", "X")])]
    assert found(read(tmp_path, "# text = to O\n#a\tB-X\n")) == [("#a", [("#a", "X")])]
    text = "Ada NNP B-NP O\n\n# # B-NP B-X\n"
    assert found(read(tmp_path, text)) == [("Ada", []), ("#", [("#", "X")])]


def test_numbers_count_tokens_only_if_most_lines_have_one(tmp_path):
    tokens = "5 CD B-NP O\nkg NN I-NP O\nof IN B-PP O\n\n1 CD B-NP B-X\n"
    assert [r.text for r in read(tmp_path, tokens)] == ["5 kg of", "1"]
    counted = "1 1914 CD B-X\n2 was VBD O\n\n1 war NN O\n"
    assert [r.text for r in read(tmp_path, counted)] == ["1914 was", "war"]


def test_only_spaces_and_tabs_separate_columns(tmp_path):
    text = "Ada\u00a0Lovelace   B-PER\n\u00a0  I-PER\nmet \t O\n\u2028 O\n"
    (record,) = read(tmp_path, text)
    assert [record.text[s:e] for s, e in record.words] == [
        "Ada\u00a0Lovelace", "\u00a0", "met", "\u2028",
    ]  # fmt: skip
    (record,) = read(tmp_path, "New York\tB-LOC\n is \tO\n")
    assert [record.text[s:e] for s, e in record.words] == ["New York", " is "]


def test_columns_can_be_named(tmp_path):
    text = "B-A x one B-B\nO y two O\n"
    assert found(read(tmp_path, text, token_column=3, tag_column=-1)) == [
        ("one two", [("one", "B")])
    ]
    assert found(read(tmp_path, text, token_column=2, tag_column=1)) == [("x y", [("x", "A")])]
    for options in ({"tag_column": 5}, {"token_column": 0}, {"token_column": -5}):
        with pytest.raises(DataError, match=r"file.conll:1: there is no column (5|0|-5): 'B-A x"):
            read(tmp_path, text, **options)


def test_further_annotators_are_counted_and_can_be_chosen(tmp_path):
    text = "Ada\tB-PER,B-ORG\nx\tO,O\ny\tO\n"
    source = source_of(tmp_path, text)
    (first,) = FORMAT.read(source, ReadOptions())
    assert first.spans == [EntitySpan(0, 3, "PER")]
    assert source.findings.counts == {"further-annotators": 1}
    (second,) = read(tmp_path, text, annotator="2")
    assert second.spans == [EntitySpan(0, 3, "ORG")]
    for annotator in ("0", "3", "²", "anna"):
        with pytest.raises(DataError, match=rf"l:1: no annotator '{annotator}' in 'B-PER,B-ORG'"):
            read(tmp_path, text, annotator=annotator)


def test_a_comma_belongs_to_the_label_unless_a_tag_follows(tmp_path):
    (record,) = read(tmp_path, "a\tB-x,y\nb\tI-x,y,O\nc\tB-Bo,B-x\n")
    assert record.spans == [EntitySpan(0, 3, "x,y"), EntitySpan(4, 5, "Bo")]


def repaired(tmp_path, text):
    source = source_of(tmp_path, text)
    records = list(FORMAT.read(source, ReadOptions()))
    assert source.findings.counts.keys() <= {"repaired-tags"}
    return found(records), [(f.place.line, f.detail.split()[0]) for f in source.findings]


def test_broken_sequences_are_repaired_and_counted(tmp_path):
    text = "a\tB-X\nb\tO\n\nc\tB-X\nd\tI-Y\n\ne\tO\nf\tI-X\ng\tI-X\n"
    assert repaired(tmp_path, text) == (
        [("a b", [("a", "X")]), ("c d", [("c", "X"), ("d", "Y")]), ("e f g", [("f g", "X")])],
        [(5, "'I-Y'"), (8, "'I-X'")],
    )
    source = source_of(tmp_path, text)
    list(FORMAT.read(source, ReadOptions()))
    assert source.findings.of("repaired-tags")[0].detail == (
        "'I-Y' of 'd' follows or leads to no tag that it may"
    )


def test_iob1_is_not_broken_iob2(tmp_path):
    text = "a I-X\nb B-X\n\nc O\nd I-X\ne I-Y\n"
    assert repaired(tmp_path, text) == (
        [("a b", [("a", "X"), ("b", "X")]), ("c d e", [("d", "X"), ("e", "Y")])], [],
    )  # fmt: skip
    assert repaired(tmp_path, text + "\nf B-X\n")[1] == [(8, "'B-X'")]


def test_end_tags_that_are_missing(tmp_path):
    text = "a S-X\nb B-X\nc E-X\n\nd B-X\ne I-X\nf O\n"
    assert repaired(tmp_path, text) == (
        [("a b c", [("a", "X"), ("b c", "X")]), ("d e f", [("d e", "X")])], [(6, "'I-X'")],
    )  # fmt: skip


def test_tokens_that_look_blank_are_kept_and_empty_ones_counted(tmp_path):
    source = source_of(tmp_path, "a\tB-X\n\u00a0\tI-X\n\tO\nb\tO\n")
    (record,) = FORMAT.read(source, ReadOptions())
    assert [record.text[s:e] for s, e in record.words] == ["a", "\u00a0", "b"]
    assert list(record.lines) == [1, 2, 4]
    assert source.findings.counts == {"empty-token": 1}


def test_empty_tokens_still_separate_entities(tmp_path):
    text = "# text = ab\na\tI-X\n\tO\nb\tI-X\n\n\tO\n\n\tO\na\tB-X\n"
    first, second = read(tmp_path, text)
    assert (first.text, first.words, first.lines) == ("ab", [(0, 1), (1, 2)], [2, 4])
    assert first.spans == [EntitySpan(0, 1, "X"), EntitySpan(1, 2, "X")]
    assert (second.text, second.words, second.lines) == ("a", [(0, 1)], [9])
    assert str(second.place) == "file.conll:9"
    assert second.spans == [EntitySpan(0, 1, "X")]


def test_a_blank_token_begins_behind_the_space_of_the_one_before(tmp_path):
    (record,) = read(tmp_path, "# text = a   b\na\tO\n  \tO\nb\tO\n")
    assert record.words == [(0, 1), (2, 4), (4, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ada\tB-PER\nmet\n", r"file.conll:2: expected a token and a tag, got 'met'"),
        ("Ada\tB-PER\nmet\tX\n", r"file.conll:2: 'X' is no tag"),
        ("Ada met\n", r"file.conll:1: no column .* holds a tag"),
        ("Ada\tB-PER\n\tB-PER\n", r"file.conll:2: no token before the tag 'B-PER'"),
        ("Ada NNP B-PER\nmet O\n", r"file.conll:2: expected 3 columns, got 'met O'"),
        ("Ada\tB-PER\t-\nmet\tO\n", r"file.conll:2: expected 3 columns, got 'met\\tO'"),
        ("Ada B-PER\nVitamin B-12 O\n", r"file.conll:2: expected 2 columns, got 'Vitamin B-12 O'"),
        ("Ada\u00a0B-PER\n", r"file.conll:1: no column .* holds a tag"),
        ("Ada\tB-PER\nmet\tB-\n", r"file.conll:2: 'B-' is no tag"),
        ("Ada\tB-PER\nmet\t\n", r"file.conll:2: '' is no tag"),
        ("Ada\tB-PER\nmet\tO,X\n", r"file.conll:2: 'O,X' is no tag"),
        ("Ada\tB-PER\n\n#\tX\n", r"file.conll:3: 'X' is no tag"),
        ("Ada B-PER\n\n# X\n", r"file.conll:3: 'X' is no tag"),
        ("Ada NNP B-PER\n\n# B-X\n", r"file.conll:3: expected 3 columns, got '# B-X'"),
        ("Ada\tB-PER\n# text = a\nmet\tO\n", r"file.conll:2: expected a token and a tag, got '# "),
        ("\x00\x01\n", r"file.conll:1: no column .* holds a tag"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "file.conll"
    path.write_bytes(b"Ada\tO\nOrl\xe9ans\tB-LOC\n")
    with pytest.raises(DataError, match=r"file.conll:2: not UTF-8 text \(byte 0xe9\)"):
        list(FORMAT.read(Source(path, "file.conll"), ReadOptions()))


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        ("Ada\tB-PER\n", "x", True),
        ("Ada B-PER\nmet O\n", "x.txt", True),
        ("-DOCSTART- -X- O O\r\n\r\nAda NNP B-NP B-PER\r\nmet VBD B-VP O\r\nEv", "x", True),
        ("# id = 1\n1\tAda\tB-PER\t-\n", "<stdin>", True),
        ("Ada B-PER", "x", False),
        ("Ada B-PER", "x.conll.gz", True),
        ("", "x.conll", True),
        ("", "x", False),
        ("\n\t\n", "x", False),
        ("Her blood type is O positive\n", "x.txt", False),
        ("Her type is O\nand his is O too\n", "x.txt", False),
        ("text\tstart\tend\tlabel\nI and O\t6\t7\tO\n", "x.tsv", False),
        ('{"tokens": ["Ada"], "tags": ["O"]}\n', "x.jsonl", False),
        ("T1\tPER 0 3\tAda\nT2\tX 5 6\tO\n", "x.ann", False),
        ("\0\ufffd\n", "x", False),
    ],
)
def test_telling_the_format(head, name, expected):
    assert FORMAT.matches(head, Source(Path(name))) is expected


# Whitespace can be a token, but then a space that no token has comes before it, as in spaCy.
SPACE = ["  ", "\u00a0", "\u2028 "]
WORD = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=4)
TOKEN = WORD | st.sampled_from([*SPACE, "#", "# a = b", " a", "b ", "O", "1", "B-12"])
LABEL = st.sampled_from(["A", "B-c", "x,y"])


@st.composite
def sentences(draw):
    words = draw(st.lists(TOKEN, min_size=1, max_size=7))
    known = draw(st.booleans())
    offsets, text = [], ""
    for word in words:
        if text:
            apart = not known or word.isspace()
            text += " " if apart else draw(st.sampled_from(["", " ", " \u00a0 "]))
        offsets.append((len(text), len(text) + len(word)))
        text += word
    cuts = sorted(draw(st.sets(st.integers(0, len(words)))))
    spans = [
        EntitySpan(offsets[s][0], offsets[e - 1][1], draw(LABEL))
        for s, e in zip(cuts, cuts[1:])
        if draw(st.booleans())
    ]
    return Record(text, spans, Place("x"), words=offsets, spaces_known=known)


def written(records):
    buffer = io.StringIO()
    FORMAT.write(records, buffer)
    return buffer.getvalue()


@given(st.lists(sentences(), min_size=1, max_size=4), st.lists(st.sampled_from("pq"), min_size=4))
@settings(deadline=None)
def test_reading_undoes_writing(tmp_path_factory, records, documents):
    for number, (record, document) in enumerate(zip(records, documents)):
        record.meta = {"id": f"s{number}", "document": document}
    path = tmp_path_factory.mktemp("c") / "a.conll"
    path.write_bytes(written(records).encode())
    source = Source(path)
    again = list(FORMAT.read(source, ReadOptions()))
    for record in again:
        record.lines, record.place = None, Place("x")
    assert again == records
    assert not source.findings.counts


def test_words_that_could_be_other_space_keep_their_offsets_or_the_text_goes():
    words = [(0, 1), (1, 2), (3, 4)]
    assert written([Record("a  b", [], Place("x"), words=words)]) == "a\tO\n \tO\nb\tO\n\n"
    words = [(0, 1), (2, 3), (3, 4)]
    assert written([Record("a  b", [], Place("x"), words=words)]) == (
        "# text = a  b\na\tO\n \tO\nb\tO\n\n"
    )


def test_writing_documents_of_several_sentences():
    record = Record(
        "a b\nc", [EntitySpan(4, 5, "X")], Place("x"), words=[(0, 1), (2, 3), (3, 4), (4, 5)],
        sentence_starts=[0, 3], meta={"id": "d"},
    )  # fmt: skip
    assert written([record]) == (
        "# newdoc id = d\n# sent_id = d-s1\n# text = a b\na\tO\nb\tO\n\n"
        "# sent_id = d-s2\n# text = c\nc\tB-X\n\n"
    )


def test_no_sentence_ends_inside_an_entity():
    record = Record(
        "a b c", [EntitySpan(0, 3, "X"), EntitySpan(4, 5, "X")], Place("x"),
        words=[(0, 1), (2, 3), (4, 5)], spaces_known=False, sentence_starts=[0, 1, 2],
    )  # fmt: skip
    assert written([record]) == "# newdoc id = \na\tB-X\nb\tI-X\n\nc\tB-X\n\n"


def test_sentences_join_no_document_but_their_own(tmp_path):
    texts = [("a", {"id": "1", "document": "p"}), ("b", {"id": "2", "document": "p"}),
             ("c", {"id": "3"}), ("d", {"id": "4"}), ("e", {"id": "5", "document": "p"})]  # fmt: skip
    records = [Record(text, [], Place("x"), words=[(0, 1)], meta=meta) for text, meta in texts]
    again = read(tmp_path, written(records))
    assert [r.meta["document"] for r in again] == ["p", "p", "3", "4", "p"]
    assert "document" not in read(tmp_path, written(records[2:3]))[0].meta


def test_words_of_line_breaks_are_left_out_and_their_entities_kept(tmp_path):
    text = "\nNew\n\tYork \n"
    words = [(0, 1), (1, 4), (4, 6), (6, 10), (11, 12)]
    record = Record(text, [EntitySpan(1, 10, "X")], Place("x"), words=words, meta={"id": "d"})
    assert written([record]) == "# sent_id = d\nNew\tB-X\nYork\tI-X\n\n"
    record.spans = [EntitySpan(0, 4, "X"), EntitySpan(6, 12, "Y")]
    assert written([record]) == "# sent_id = d\nNew\tB-X\nYork\tB-Y\n\n"
    assert written([Record("\n", [], Place("x"), words=[(0, 1)], meta={"id": "d"})]) == ""


@pytest.mark.parametrize(
    ("text", "span", "message"),
    [
        ("a\tb", [], r"x:3: the token 'a\\tb' in document 'd' does not fit on a line"),
        ("\n", [EntitySpan(0, 1, "X")], r"x:3: the entity '\\n' in document 'd' does not fit"),
        ("ab", [EntitySpan(0, 2, "X Y")], r"x:3: the label 'X Y' in document 'd' does not fit"),
        ("ab", [EntitySpan(0, 2, "")], r"x:3: the label '' in document 'd' does not fit in a tag"),
        ("ab", [EntitySpan(0, 2, "X,O")], r"x:3: the label 'X,O' in document 'd' does not fit"),
    ],
)
def test_what_no_line_can_hold(text, span, message):
    record = Record(text, span, Place("x", 3), words=[(0, len(text))], meta={"id": "d"})
    with pytest.raises(DataError, match=message):
        written([record])


def sentences_of(path):
    """Tags and tokens of the sentences that have a token, read as simply as can be."""
    sentences, rows = [], []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        cells = line.split("\t" if "\t" in line else " ")
        comment = line.startswith("# ") and " = " in line
        if not line.strip() or comment or line.startswith("-DOCSTART-"):
            if any(token for token, _ in rows):
                sentences.append(rows)
            rows = []
        else:
            column = 1 if path.suffix == ".iob2" else 0
            rows.append((cells[column], cells[column + 1].strip().split(",")[0]))
    return sentences


@pytest.mark.skipif(not SHARED.exists(), reason="the shared corpora are not beside the checkout")
def test_published_corpora_lose_no_entity():
    files = [p for p in SHARED.rglob("*") if p.suffix in (".conll", ".iob2")]
    assert len(files) == 26
    for path in files:
        expected = [
            [
                (label, [token for token, _ in rows[first : last + 1]])
                for label, first, last in get_entities([tag for _, tag in rows])
            ]
            for rows in sentences_of(path)
        ]
        source = Source(path)
        records = list(FORMAT.read(source, ReadOptions()))
        assert len(records) == len(expected), path
        for record, entities in zip(records, expected):
            assert [
                (s.label, [record.text[b:e] for b, e in record.words if s.start <= b < s.end])
                for s in record.spans
            ] == entities, path
        assert source.findings.counts.keys() <= {"empty-token"}, path
        assert FORMAT.matches(source.head(), source), path
