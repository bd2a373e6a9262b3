"""Offsets checked against the surface that a file records with a span."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bert_ner.data.offsets import resolve

TEXT = "😀 Ada met 𝒳 in Bonn"


def resolved(text, start, end, surface):
    notes = []
    offsets = resolve(
        text, start, end, surface, lambda check, detail: notes.append((check, detail))
    )
    return offsets, notes


def units(text):
    return len(text.encode("utf-16-le")) // 2


def test_offsets_that_bring_out_the_surface_are_kept():
    assert resolved(TEXT, 2, 5, "Ada") == ((2, 5), [])


@pytest.mark.parametrize("surface", [None, 3, ["Ada"]])
def test_without_a_surface_nothing_is_checked(surface):
    assert resolved(TEXT, 90, 95, surface) == ((90, 95), [])


def test_utf16_offsets_are_converted_and_noted():
    offsets, [(check, detail)] = resolved(TEXT, 17, 21, "Bonn")
    assert offsets == (15, 19)
    assert TEXT[15:19] == "Bonn"
    assert check == "utf16-offsets"
    assert detail == "'Bonn' at 17-21 in UTF-16 units, read as characters 15-19"


def test_a_span_of_one_astral_character_is_two_units_long():
    assert resolved(TEXT, 11, 13, "𝒳")[0] == (10, 11)


def test_a_surface_found_nowhere_is_noted_and_the_offsets_kept():
    offsets, [(check, detail)] = resolved("Ada met Bo", 0, 3, "Bo")
    assert offsets == (0, 3)
    assert check == "text-mismatch"
    assert detail == "'Bo' is said to be at 0-3, where the text has 'Ada'"


@pytest.mark.parametrize(("start", "end"), [(-3, 10), (-10, -6), (7, 3), (50, 60), (0, 10**12)])
def test_offsets_outside_the_text_never_count_from_its_end(start, end):
    offsets, [(check, _)] = resolved("Ada met Bo", start, end, "et Bo")
    assert offsets == (start, end)
    assert check == "text-mismatch"


def test_a_long_surface_is_cut_in_the_message():
    _, [(_, detail)] = resolved("short", 0, 2, "x" * 1000)
    assert len(detail) < 150


@given(st.text("ab😀𝒳é", min_size=1), st.data())
def test_every_utf16_span_comes_back_as_its_own_text(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    (got_start, got_end), notes = resolved(
        text, units(text[:start]), units(text[:end]), text[start:end]
    )
    assert text[got_start:got_end] == text[start:end]
    assert all(check == "utf16-offsets" for check, _ in notes)
