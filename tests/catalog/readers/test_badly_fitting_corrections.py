"""Corrections that a file does not fit: they are refused by field, or read, and never crash."""

import io

import pytest
from django.core.exceptions import ValidationError

from catalog.readers import tables
from catalog.readers.corrections import Corrections

NUMBER = {"name": "a", "type": "number", "on_error": "missing"}


def recipe_of(content: bytes, **fixed):
    return tables.detect(io.BytesIO(content), "t.csv", corrections=Corrections.from_dict(fixed)).recipe


@pytest.mark.parametrize(
    ("content", "fixed", "columns"),
    [
        ("a::b\n1::2\n3::4\n", {"padded": True}, {"a": [1, 3], "b": [2, 4]}),
        ("a\x1fb\n1\x1fx:y\n3\x1fz\n", {"padded": True}, {"a": [1, 3], "b": ["x:y", "z"]}),
        ("a\r1\r\t\rx\r", {"delimiter": ",", "columns": [NUMBER]}, {"a": [1, None, None]}),
        ("a;b\n2.5;x\n(3);y\n", {"thousands": "."}, {"a": ["2.5", "(3)"], "b": ["x", "y"]}),
    ],
)
def test_corrections_that_fit_badly_are_read_without_a_crash(content, fixed, columns):
    file = io.BytesIO(content.encode())
    recipe = tables.detect(file, "t.csv", corrections=Corrections.from_dict(fixed)).recipe
    assert (
        tables.read(file, recipe).astype(object).where(lambda frame: frame.notna(), None).to_dict("list")
        == columns
    )


def test_utf_16_without_a_mark_is_read_or_refused_by_field():
    assert recipe_of("a,b\n1,2\n".encode("utf-16-be"), encoding="utf-16").encoding == "utf-16-be"
    for encoding in ("utf-16", "utf-32"):
        with pytest.raises(ValidationError) as error:
            recipe_of("é,b\n1,2\n3,4\n".encode(), encoding=encoding)
        assert list(error.value.error_dict) == ["encoding"]


def test_lines_at_the_end_that_leave_no_row_are_refused_by_field():
    for footer in (3, 1000):
        with pytest.raises(ValidationError) as error:
            recipe_of(b"Title,\na,b\n1,2\n3,4\n", footer=footer)
        assert list(error.value.error_dict) == ["footer"]
