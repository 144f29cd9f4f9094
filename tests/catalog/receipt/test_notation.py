"""How texts, numbers and dates are written on the receipt page."""

import pytest

from catalog.receipt import notation


@pytest.mark.parametrize(
    ("written", "texts"),
    [
        ("", []),
        ("NA, ?", ["NA", "?"]),
        ('""', [""]),
        ('-, "", -', ["-", ""]),
        (" n.a. ,,", ["n.a."]),
        ('"a,b", "say ""no"""', ["a,b", 'say "no"']),
    ],
)
def test_texts_are_separated_by_commas(written, texts):
    assert notation.texts(written) == texts


@pytest.mark.parametrize("texts", [["NA", "?"], [""], ["", "-"], ["a,b", 'say "no"', "x y"]])
def test_listed_texts_are_read_back(texts):
    assert notation.texts(notation.listed(texts)) == texts


def test_a_date_format_is_shown_by_an_example_and_its_order():
    assert notation.date_format("%d/%m/%Y") == "31/01/2024 (day, month, year)"
    assert notation.date_format("%m/%d/%y") == "01/31/24 (month, day, year)"


@pytest.mark.parametrize("style", notation.NUMBERS)
def test_a_style_of_numbers_is_found_by_its_marks(style):
    assert notation.style_of(*notation.NUMBERS[style]) == style


def test_unusual_marks_have_no_style():
    assert notation.style_of(",", "'") == notation.AUTOMATIC
