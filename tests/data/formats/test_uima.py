"""UIMA CAS as INCEpTION exports it, after the formats appendix of its user guide
(https://inception-project.github.io/releases/35.0/docs/user-guide.html), the XMI part of the UIMA
reference (https://uima.apache.org/d/uimaj-current/references.html) and the CAS JSON specification
(https://github.com/apache/uima-uimaj-io-jsoncas); the texts are made up."""

import io
import json
import sys
import zipfile

import pytest

from spacy_bert_ner.data.formats.base import ReadOptions
from spacy_bert_ner.data.formats.uima import FORMAT
from spacy_bert_ner.data.records import DataError, EntitySpan, Place, Record
from spacy_bert_ner.data.sources import Source, find_sources

cassis = pytest.importorskip("cassis")

NE = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
ANNOTATION = "uima.tcas.Annotation"
TYPES = {
    "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData": (
        "uima.tcas.DocumentAnnotation", "documentTitle documentId"),
    "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token": (ANNOTATION, ""),
    NE: (ANNOTATION, "value identifier"),
    "de.tudarmstadt.ukp.dkpro.core.api.ner.type.Person": (NE, ""),
    "webanno.custom.Firm": (ANNOTATION, "note label"),
    "webanno.custom.Place": (ANNOTATION, "kind"),
    "webanno.custom.Odd": (ANNOTATION, "one other"),
    "webanno.custom.Owns": (ANNOTATION, "value Governor Dependent"),
}  # fmt: skip


def types_xml(types=TYPES):
    described = "".join(
        f"<typeDescription><name>{name}</name><supertypeName>{parent}</supertypeName><features>"
        + "".join(
            f"<featureDescription><name>{feature}</name>"
            "<rangeTypeName>uima.cas.String</rangeTypeName></featureDescription>"
            for feature in features.split()
        )
        + "</features></typeDescription>"
        for name, (parent, features) in types.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier">'
        f"<types>{described}</types></typeSystemDescription>"
    )


TEXT = "Ada met &#128512; in Oslo.&#10;Acme too."


def xmi(*elements, text=TEXT, views=""):
    """Elements with ids from 10, over one text."""
    numbered = [element.replace("<", f'<x{i}:', 1).replace(" ", f' xmi:id="{i + 10}" sofa="1" ', 1)
                for i, element in enumerate(elements)]  # fmt: skip
    # A prefix of its own for each element: <a.b.C ...> becomes <x0:C ...> in the namespace of a.b.
    spaces = ""
    for i, element in enumerate(numbered):
        name = element[1 : element.index(" ")].split(":", 1)[1]
        space, _, short = name.rpartition(".")
        spaces += f' xmlns:x{i}="http:///{space.replace(".", "/")}.ecore"'
        numbered[i] = element.replace(name, short, 1)
    members = " ".join(str(i + 10) for i in range(len(elements)))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore"'
        f'{spaces} xmi:version="2.0">\n<cas:NULL xmi:id="0"/>\n'
        + "\n".join(numbered)
        + f'\n<cas:Sofa xmi:id="1" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="{text}"/>\n'
        f'<cas:View sofa="1" members="{members}"/>{views}\n</xmi:XMI>\n'
    )


def ne(begin, end, features='value="X"'):
    return f'<{NE} begin="{begin}" end="{end}" {features}/>'


METADATA = (
    "<de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData "
    'begin="0" end="28" documentTitle="trip.txt" documentId="anna"/>'
)
# Offsets are UTF-16 units, of which the face takes two.
ENTITIES = [ne(0, 3, 'value="PER"'), ne(14, 18, 'value="GPE"')]
SPANS = [EntitySpan(0, 3, "PER"), EntitySpan(13, 17, "GPE")]


@pytest.fixture
def file(tmp_path):
    def make(content, name="anna.xmi", types=None):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        if name.endswith(".xmi") and types != "":
            (tmp_path / "TypeSystem.xml").write_text(types or types_xml())
        return Source(tmp_path / name, name)

    return make


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def read(source, **options):
    return list(FORMAT.read(source, ReadOptions(**options)))


def surfaces(records):
    return [[(r.text[s.start : s.end], s.label) for s in r.spans] for r in records]


def notes(source):
    return [(found.check, str(found.place), found.detail) for found in source.findings]


def test_xmi_with_its_types_beside_it(file):
    source = file(xmi(METADATA, *ENTITIES))
    assert read(source) == [
        Record(
            "Ada met 😀 in Oslo.\nAcme too.",
            SPANS,
            Place("anna.xmi"),
            meta={"id": "trip.txt", "annotator": "anna"},
        )
    ]
    assert notes(source) == []


def test_a_zip(file):
    members = {"anna.xmi": xmi(METADATA, *ENTITIES), "TypeSystem.xml": types_xml()}
    source = file(zipped(**members), "trip.zip")
    assert [(r.spans, str(r.place)) for r in read(source)] == [(SPANS, "trip.zip/anna.xmi")]
    assert FORMAT.matches(source.head(), source)


def test_every_document_of_a_zip_has_the_nearest_types(file):
    other = types_xml({"webanno.custom.Other": (ANNOTATION, "value")})
    members = {
        "b/x.xmi": xmi('<webanno.custom.Other begin="0" end="3" value="Y"/>'),
        "b/typesystem.xml": other,
        "a/x.xmi": xmi(ne(0, 3)),
        "TypeSystem.xml": types_xml(),
    }
    records = read(file(zipped(**members), "trip.zip"))
    assert [(r.meta["id"], str(r.place)) for r in records] == [
        ("x", "trip.zip/a/x.xmi"), ("x", "trip.zip/b/x.xmi")
    ]  # fmt: skip
    assert surfaces(records) == [[("Ada", "X")], [("Ada", "Y")]]


def test_json(file, tmp_path):
    source = file(xmi(METADATA, *ENTITIES))
    types = cassis.load_typesystem(tmp_path / "TypeSystem.xml")
    cas = cassis.load_cas_from_xmi(source.path, typesystem=types)
    source = file(cas.to_json(), "anna.json")
    [record] = read(source)
    assert (record.spans, record.meta["id"]) == (SPANS, "trip.txt")
    assert FORMAT.matches(source.head(), source)


def test_labels(file):
    person = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.Person"
    source = file(
        xmi(
            ne(0, 3, 'value="PER" identifier="http://example.org/ada"'),
            ne(4, 7, 'identifier="http://example.org/met"'),
            ne(8, 10, ""),
            f'<{person} begin="14" end="18"/>',
            f'<{person} begin="20" end="24" value="ORG"/>',
        )
    )
    assert surfaces(read(source)) == [[
        ("Ada", "PER"), ("met", "http://example.org/met"), ("😀", ""), ("Oslo", "Person"),
        ("Acme", "ORG"),
    ]]  # fmt: skip


def test_custom_layers(file):
    source = file(
        xmi(
            '<webanno.custom.Firm begin="20" end="24" label="ORG" note="sure"/>',
            '<webanno.custom.Place begin="14" end="18" kind="city"/>',
            '<webanno.custom.Odd begin="0" end="3" one="a" other="b"/>',
            '<webanno.custom.Owns begin="0" end="3" value="owns" Governor="10" Dependent="11"/>',
            '<de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token begin="0" end="3"/>',
        )
    )
    records = read(source)
    assert surfaces(records) == [[("Acme", "ORG"), ("Oslo", "city")]]
    assert records[0].meta == {"id": "anna"}
    assert notes(source) == [
        ("unused-layer", "anna.xmi", "1 spans of webanno.custom.Odd are left out, as none of its "
         "features (one, other) is called value or label"),
        ("several-layers", "anna.xmi", "spans of webanno.custom.Firm and webanno.custom.Place"),
    ]  # fmt: skip


def test_no_entities(file):
    source = file(xmi(METADATA))
    assert surfaces(read(source)) == [[]]
    assert notes(source) == []


def test_impossible_offsets_are_passed_on_and_noted(file):
    source = file(xmi(ne(0, 99), ne(8, 9), ne(7, 4)))
    assert sorted((s.start, s.end) for s in read(source)[0].spans) == [(0, 99), (7, 4), (8, 9)]
    assert [(check, detail[:35]) for check, _, detail in notes(source)] == [
        ("unmapped-offsets", "Not mapping external offset [99] wh"),
        ("unmapped-offsets", "Not mapping external offset [9] whi"),
    ]


def test_further_views(file):
    views = (
        '<cas:Sofa xmi:id="2" sofaNum="2" sofaID="summary" mimeType="text" sofaString="Oslo"/>'
        '<cas:View sofa="2" members=""/>'
    )
    assert [(r.text[:4], r.meta["id"]) for r in read(file(xmi(METADATA, views=views)))] == [
        ("Ada ", "trip.txt"), ("Oslo", "trip.txt-summary")
    ]  # fmt: skip


def test_an_annotator_can_be_chosen(file):
    source = file(xmi(METADATA, *ENTITIES))
    assert len(read(source, annotator="anna")) == 1
    assert read(source, annotator="bob") == []
    assert notes(source) == [
        ("further-annotators", "anna.xmi", "the document of 'anna' is left out")
    ]


def test_the_type_system_is_no_source_of_its_own(tmp_path, file):
    file(xmi(METADATA))
    [source], left = find_sources(str(tmp_path))
    assert (source.path.name, left) == ("anna.xmi", [])
    assert FORMAT.matches(source.head(), source)


def test_without_the_library(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "cassis", None)
    with pytest.raises(DataError, match=r"^anna.xmi: .* pip install 'spacy-bert-ner\[uima\]'"):
        read(file(xmi()))


def test_without_types(file):
    with pytest.raises(DataError, match=r"^anna.xmi: there is no TypeSystem.xml beside it"):
        read(file(xmi(), types=""))
    with pytest.raises(DataError, match=r"^t.zip/a.xmi: there is no TypeSystem.xml beside it"):
        read(file(zipped(**{"a.xmi": xmi()}), "t.zip"))


def test_without_a_layer_of_entities(file):
    token = {"org.example.Token": (ANNOTATION, "pos")}
    source = file(xmi('<org.example.Token begin="0" end="3"/>'), types=types_xml(token))
    with pytest.raises(
        DataError, match=r"no layer of entities; its spans are \{'org.example.Token': 1\}"
    ):
        read(source)


def test_without_a_text(file):
    content = xmi().replace("sofaString", "sofaURI")
    with pytest.raises(DataError, match=r"^anna.xmi: a CAS without a text"):
        read(file(content))


def edited(old, new):
    content = xmi(*ENTITIES)
    assert old in content
    return content.replace(old, new)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"^anna.xmi.*: not a CAS, or a damaged one \(XMLSyntaxError"),
        (
            "Ada met",
            r"^anna.xmi:1: not a CAS, or a damaged one \(XMLSyntaxError: Start tag expected",
        ),
        (edited("</xmi:XMI>", ""), r"^anna.xmi:\d: not a CAS, or a damaged one \(XMLSyntaxError"),
        (edited('begin="0"', 'begin="zero"'), r"\(ValueError: .*'zero'"),
        (edited('begin="0"', 'begin="0.0"'), r"\(ValueError: .*'0.0'"),
        (edited('xmi:id="10"', ""), r"\(KeyError: .*id"),
        (edited('members="10 11"', 'members="10 12"'), r"\(KeyError: 12\)"),
        (edited('members="10 11"', 'members="a"'), r"\(ValueError: .*'a'"),
        (edited('sofaNum="1"', 'sofaNum="one"'), r"\(ValueError: .*'one'"),
        (edited('value="PER"', 'colour="red"'), r"\(TypeError: .*colour"),
        (edited(":NamedEntity", ":Nobody"), r"its types are not all in its type system \(.*Nobody"),
    ],
)
def test_malformed_xmi(file, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(file(content))
    assert str(caught.value).startswith("anna.xmi")


@pytest.mark.parametrize("types", ["no XML", "<types/>", "<a><typeDescription/></a>"])
def test_malformed_types(file, types):
    with pytest.raises(DataError, match=r"^anna.xmi(:\d+)?: (not a CAS|its types)"):
        read(file(xmi(*ENTITIES), types=types))


def cas_json(**fields):
    span = {"%ID": 2, "%TYPE": NE, "@sofa": 1, "begin": 0, "end": 3, "value": "X", **fields}
    feature = {"%NAME": "value", "%RANGE": "uima.cas.String"}
    return {
        "%TYPES": {NE: {"%NAME": NE, "%SUPER_TYPE": ANNOTATION, "value": feature}},
        "%FEATURE_STRUCTURES": [
            {"%ID": 1, "%TYPE": "uima.cas.Sofa", "sofaNum": 1, "sofaID": "_InitialView",
             "mimeType": "text", "sofaString": "Ada met"},
            span,
        ],
        "%VIEWS": {"_InitialView": {"%SOFA": 1, "%MEMBERS": [2]}},
    }  # fmt: skip


def test_json_by_hand(file):
    assert surfaces(read(file(json.dumps(cas_json()), "a.json"))) == [[("Ada", "X")]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"not a CAS, or a damaged one"),
        ({**cas_json(), "%TYPES": None}, r"not a CAS, or a damaged one \(AttributeError"),
        ({**cas_json(), "%TYPES": {}}, r"its types are not all in its type system"),
        ({**cas_json(), "%VIEWS": []}, r"not a CAS, or a damaged one"),
        ({**cas_json(), "%FEATURE_STRUCTURES": [3]}, r"not a CAS, or a damaged one"),
        (
            cas_json(begin="0"),
            r"begin '0', end 3 and label 'X' of .*NamedEntity 2 are not|not a CAS",
        ),
        (cas_json(begin=0.5), r"begin 0.5, end 3 and label 'X'"),
        (cas_json(begin=[]), r"not a CAS, or a damaged one \(TypeError"),
        (cas_json(end=None), r"not a CAS, or a damaged one|end None"),
        (cas_json(value=7), r"begin 0, end 3 and label 7 of"),
        (cas_json(value={"a": 1}), r"and label \{'a': 1\} of"),
    ],
)
def test_malformed_json(file, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(file(json.dumps(content), "a.json"))
    assert str(caught.value).startswith("a.json: ")


def test_json_that_breaks_off(file):
    with pytest.raises(
        DataError, match=r"^a.json:1: not a CAS, or a damaged one \(JSONDecodeError"
    ):
        read(file(json.dumps(cas_json())[:-9], "a.json"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(**{"TypeSystem.xml": types_xml()}), r"^t.zip: a zip without .xmi file; it has Type"),
        (zipped(**{"annotation/a.txt/anna.zip": b"", "exportedproject.json": b"{}"}),
         r"it has annotation/a.txt/anna.zip, exportedproject.json. Of the export of a whole project"),
        (zipped(**{"a.xmi": xmi()})[:-30], r"^t.zip: a zip that cannot be read"),
        (b"PK\x03\x04", r"^t.zip: a zip that cannot be read"),
    ],
)  # fmt: skip
def test_malformed_zips(file, content, message):
    with pytest.raises(DataError, match=message):
        read(file(content, "t.zip"))


@pytest.mark.parametrize(
    ("content", "name", "claimed"),
    [
        (xmi(), "<stdin>", True),
        (types_xml(), "types.xml", False),
        ('{"%TYPES" : {', "a.json", True),
        ('{"text": "%TYPES"}', "a.json", False),
        (zipped(**{"exportedproject-1.json": "{}"}), "a.zip", True),
        (zipped(**{"a.txt": "x"}), "a.zip", False),
        (b"PK\x03\x04", "a.zip", False),
        ("see http://www.omg.org/XMI", "a.txt", False),
        ("", "a.txt", False),
    ],
)
def test_which_files_are_claimed(file, content, name, claimed):
    source = file(content, name)
    assert FORMAT.matches(source.head(), source) is claimed
