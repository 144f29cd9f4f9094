"""from_rows(): any rows -> a typed frame, or a list of faults by row and column."""

import math

import pandas
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from serving.frames import MOST_ERRORS, from_rows

INPUTS = [
    {"name": "age", "type": "integer", "nullable": False},
    {"name": "width", "type": "number", "nullable": True},
    {"name": "colour", "type": "text", "nullable": True},
    {"name": "wild", "type": "boolean", "nullable": False},
    {"name": "seen", "type": "date", "nullable": True},
]
ROW = [3, 1.5, "red", True, "2026-01-31"]
DTYPES = ["float64", "float64", "str", "boolean", "datetime64[us]"]


def faults(rows) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        from_rows(rows, INPUTS)
    return caught.value.message_dict["input_data"]


def test_a_list_and_an_object_are_the_same_row():
    names = [column["name"] for column in INPUTS]
    mixed = dict(reversed(list(zip(names, ROW, strict=True))))
    pandas.testing.assert_frame_equal(from_rows([ROW], INPUTS), from_rows([mixed], INPUTS))


def test_the_dtypes_do_not_depend_on_the_rows():
    for row in (ROW, [None] * 5):
        frame = from_rows([row], INPUTS)
        assert [str(dtype) for dtype in frame.dtypes] == DTYPES


def test_null_is_missing():
    assert from_rows([[None] * 5], INPUTS).isna().all(axis=None)


def test_an_integral_float_passes_for_an_integer_and_an_integer_for_a_float():
    frame = from_rows([[3.0, 2, "red", True, None]], INPUTS)
    assert frame.loc[0, ["age", "width"]].tolist() == [3.0, 2.0]


def test_a_moment_with_a_zone_is_the_moment_in_utc():
    frame = from_rows([[*ROW[:4], "2026-01-31T02:00:00+02:00"]], INPUTS)
    assert frame["seen"][0] == pandas.Timestamp("2026-01-31")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("age", "3", "must be a number"),
        ("age", 3.5, "whole number"),
        ("age", True, "must be a number"),
        ("age", [3], "must be a number"),
        ("width", "1.5", "must be a number"),
        ("width", math.inf, "finite"),
        ("width", 10**400, "finite"),
        ("colour", 5, "must be text"),
        ("colour", False, "must be text"),
        ("wild", "true", "true or false"),
        ("wild", 1, "true or false"),
        ("seen", "yesterday", "date"),
        ("seen", 20260131, "date"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_row_and_column(column, value, words):
    names = [column["name"] for column in INPUTS]
    bad = [value if name == column else cell for name, cell in zip(names, ROW, strict=True)]
    (fault,) = faults([ROW, bad])
    assert fault.startswith(f"Row 2, column `{column}` ")
    assert words in fault


def test_an_unknown_and_a_missing_column_are_named():
    row = {"age": 3, "width": 1.5, "color": "red", "wild": True, "seen": None}
    assert faults([row]) == [
        "Row 1: the model has no column `color`.",
        "Row 1: column `colour` is missing; send null where the value is not known.",
    ]


def test_a_row_of_another_length_says_both_lengths():
    assert faults([ROW, ROW[:3]]) == ["Row 2 has 3 values; the model has 5 columns."]


@pytest.mark.parametrize("rows", [[], None, "rows", {"age": 3}, 5])
def test_there_must_be_a_list_of_rows(rows):
    assert "at least one row" in faults(rows)[0]


@pytest.mark.parametrize("row", [5, "3,1.5,red", None])
def test_a_row_must_be_a_list_or_an_object(row):
    assert "must be a list of values or an object" in faults([row])[0]


def test_at_most_twenty_faults_are_listed_and_the_others_counted():
    listed = faults([["x"] * 5] * 100)
    assert len(listed) == MOST_ERRORS + 1
    assert listed[-1] == "... and 380 more."


def test_faults_do_not_echo_the_data():
    assert "secret" not in " ".join(faults([["secret"] * 5]))


@given(
    st.lists(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans())), max_size=4)
)
def test_any_json_rows_give_a_frame_or_faults(rows):
    try:
        frame = from_rows(rows, INPUTS)
    except ValidationError as error:
        assert error.message_dict["input_data"]
    else:
        assert [str(dtype) for dtype in frame.dtypes] == DTYPES
