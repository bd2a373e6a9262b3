"""UIMA CAS as XMI or JSON, as INCEpTION, WebAnno and DKPro Core export it.

Documented at https://inception-project.github.io/releases/35.0/docs/user-guide.html (appendix on
formats). A source is a zip of an .xmi and its TypeSystem.xml, an .xmi with TypeSystem.xml beside it,
or a .json that holds its types. Each is read whole, with dkpro-cassis, which turns UTF-16 offsets
into characters; offsets that fit no character are counted (`unmapped-offsets`).

Entities are DKPro's NamedEntity, with `value` as label, or `identifier` where there is no value; and
the spans of custom layers (webanno.custom) with `value`, or `label`, or the only feature that is a
string. All such layers are read; documents with spans in several are counted (`several-layers`), and
so are custom spans in which nothing tells the label (`unused-layer`). Tokens are not read.

A file has the annotations of one person, whose name INCEpTION writes as the document's id. Where an
annotator is asked for, documents of others are left out (`further-annotators`).
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

from ..records import DataError, EntitySpan, Record
from ..sources import Source
from .base import Format, ReadOptions

_NAMED_ENTITY = "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"
_METADATA = "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData"
_CUSTOM = "webanno.custom."
_ANNOTATION = "uima.tcas.Annotation"
_STRING = "uima.cas.String"
_FIRST_VIEW = "_InitialView"
_TYPES_FILE = "typesystem.xml"
_ZIP = "PK\x03\x04"
_JSON = re.compile(r'\s*\{\s*"%(?:TYPES|FEATURE_STRUCTURES|VIEWS|FLAGS)"')
# What cassis raises, without checks of its own, for what is no CAS.
_NO_CAS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    SyntaxError,  # of XML
    TypeError,
    ValueError,
)
# And zipfile for what is no zip.
_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class _File:
    """source: with the name of the file, perhaps in a zip. types: of XMI, the type system's XML."""

    source: Source
    content: bytes
    types: bytes | None


def read(source: Source, options: ReadOptions) -> Iterator[Record]:
    """Yield a Record for each text; a CAS may have several, as views."""
    try:
        import cassis
    except ImportError as error:
        raise DataError(
            source.name,
            "UIMA CAS is read with dkpro-cassis, which is not installed",
            "Install it: pip install 'spacy-bert-ner[uima]'",
        ) from error
    with source.open() as file:
        content = file.read()
    for part in _files(source, content):
        cas = _load(part, cassis)
        yield from _records(cas, part.source, options.annotator)


def _files(source: Source, content: bytes) -> Iterator[_File]:
    if content.startswith(_ZIP.encode()):
        yield from _unzipped(source, content)
    elif content.lstrip().startswith(b"{"):
        yield _File(source, content, None)
    else:
        beside = [p for p in source.path.parent.iterdir() if p.name.lower() == _TYPES_FILE]
        if not beside:
            raise _no_types(source)
        yield _File(source, content, beside[0].read_bytes())


def _unzipped(source: Source, content: bytes) -> Iterator[_File]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = sorted(archive.namelist())
            members = {
                PurePosixPath(name): archive.read(name)
                for name in names
                if name.lower().endswith((".xmi", _TYPES_FILE))
            }
    except _NO_ZIP as error:
        raise DataError(
            source.name, f"a zip that cannot be read ({_line(error)})", "Export it anew"
        ) from error
    documents = [path for path in members if path.suffix.lower() == ".xmi"]
    if not documents:
        raise DataError(
            source.name,
            f"a zip without .xmi file; it has {', '.join(names[:5]) or 'nothing'}",
            "Of the export of a whole project, unpack it and give its folder curation, or annotation "
            "with --annotator",
        )
    for path in documents:
        part = Source(source.path, f"{source.name}/{path}", findings=source.findings)
        types = [
            members[other]
            for folder in path.parents  # the nearest first
            for other in members
            if other.parent == folder and other.name.lower() == _TYPES_FILE
        ]
        if not types:
            raise _no_types(part)
        yield _File(part, members[path], types[0])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:150]


def _no_types(source: Source) -> DataError:
    return DataError(
        source.name,
        "there is no TypeSystem.xml beside it",
        "Give the zip that was exported, or unpack all of it",
    )


def _load(part: _File, cassis: ModuleType) -> Any:
    from cassis.typesystem import TypeNotFoundError

    content = io.BytesIO(part.content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if part.types is None:
                cas = cassis.load_cas_from_json(content)
            else:
                types = cassis.load_typesystem(io.BytesIO(part.types))
                cas = cassis.load_cas_from_xmi(content, typesystem=types)
        except TypeNotFoundError as error:
            raise DataError(
                part.source.name,
                f"its types are not all in its type system ({_line(error)})",
                "Give it the TypeSystem.xml that was exported with it",
            ) from error
        except _NO_CAS as error:
            raise DataError(
                part.source.place(getattr(error, "lineno", 0) or 0),
                f"not a CAS, or a damaged one ({type(error).__name__}: {_line(error)})",
                "Export it anew as UIMA CAS XMI or UIMA CAS JSON, with its types",
            ) from error
    for warning in caught:
        if warning.category is UserWarning:
            part.source.note("unmapped-offsets", 0, str(warning.message))
    return cas


def _records(cas: Any, source: Source, annotator: str | None) -> Iterator[Record]:
    views = [cas.get_view(view.sofa.sofaID) for view in cas.views]
    views = [view for view in views if isinstance(view.sofa_string, str)]
    if not views:
        raise DataError(source.name, "a CAS without a text", "Export documents of plain text")
    layers = _layers(cas.typesystem)
    if not layers:
        found = Counter(fs.type.name for view in views for fs in view.select(_ANNOTATION))
        raise DataError(
            source.name,
            f"it has no layer of entities; its spans are {dict(found) or 'none'}",
            f"Entities are of the type {_NAMED_ENTITY} or {_CUSTOM}*",
        )
    metadata = cas.select(_METADATA) if cas.typesystem.contains_type(_METADATA) else []
    title, identity = (
        next((fs[key] for fs in metadata if isinstance(fs.get(key), str)), None)
        for key in ("documentTitle", "documentId")
    )
    if annotator is not None and annotator != identity:
        source.note("further-annotators", 0, f"the document of {identity!r} is left out")
        return
    for view in views:
        name = view.get_sofa().sofaID
        suffix = "" if name == _FIRST_VIEW else f"-{name}"
        meta = {"id": f"{title or identity or source.stem}{suffix}"}
        if title and identity:
            meta["annotator"] = identity
        yield Record(view.sofa_string, _spans(view, layers, source), source.place(), meta=meta)


def _layers(types: Any) -> dict[str, list[str]]:
    """The types of entities, and for each the features that its label may be in."""
    layers = {}
    for kind in types.get_types():
        if not types.is_instance_of(kind, _ANNOTATION):
            continue
        names = [feature.name for feature in kind.all_features]
        if types.contains_type(_NAMED_ENTITY) and types.is_instance_of(kind, _NAMED_ENTITY):
            layers[kind.name] = [name for name in ("value", "identifier") if name in names]
        elif kind.name.startswith(_CUSTOM) and "Governor" not in names:
            strings = [f.name for f in kind.all_features if f.rangeType.name == _STRING]
            called = [name for name in ("value", "label") if name in strings]
            layers[kind.name] = called[:1] or (strings if len(strings) == 1 else [])
    return layers


def _spans(view: Any, layers: dict[str, list[str]], source: Source) -> list[EntitySpan]:
    spans: list[EntitySpan] = []
    used = []
    for name, features in sorted(layers.items()):
        # Of subtypes there are layers of their own.
        found = [fs for fs in view.select(name) if fs.type.name == name]
        if found and not features:
            strings = ", ".join(feature.name for feature in found[0].type.features)
            source.note(
                "unused-layer",
                0,
                f"{len(found)} spans of {name} are left out, as none of its features ({strings}) is "
                "called value or label",
            )
        elif found:
            used.append(name)
            spans += [_span(fs, features, source) for fs in found]
    if len(used) > 1:
        source.note("several-layers", 0, f"spans of {' and '.join(used)}")
    return spans


def _span(fs: Any, features: list[str], source: Source) -> EntitySpan:
    given = [fs[name] for name in features if fs[name]]
    # DKPro has subtypes for some labels.
    label = (
        given[0] if given else "" if fs.type.name == _NAMED_ENTITY else fs.type.name.split(".")[-1]
    )
    if not (type(fs.begin) is int and type(fs.end) is int and isinstance(label, str)):
        raise DataError(
            source.name,
            f"begin {fs.begin!r}, end {fs.end!r} and label {label!r} of {fs.type.name} "
            f"{fs.xmiID} are not two whole numbers and a label",
            "Mend the annotation and export the document anew",
        )
    return EntitySpan(fs.begin, fs.end, label)


def matches(head: str, source: Source) -> bool:
    """XMI, JSON of a CAS, or a zip of XMI or of a whole project."""
    if head.startswith(_ZIP):
        return _is_export(source)
    is_xml = head.lstrip("\ufeff \t\r\n").startswith("<")
    return (is_xml and "http://www.omg.org/XMI" in head) or bool(_JSON.match(head))


def _is_export(source: Source) -> bool:
    try:
        with zipfile.ZipFile(source.path) as archive:
            names = [PurePosixPath(name.lower()) for name in archive.namelist()]
    except _NO_ZIP:
        return False
    return any(name.suffix == ".xmi" or name.stem.startswith("exportedproject") for name in names)


FORMAT = Format("uima", "UIMA CAS", (".xmi", ".json", ".zip"), read, matches)
