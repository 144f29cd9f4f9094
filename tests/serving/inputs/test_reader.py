"""Reader: any rows -> typed rows, or a list of faults by row and column."""

import math
import time

import pandas
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from serving.inputs import cell_rules
from serving.inputs.reader import MOST_ERRORS, Reader, TypedRows

INPUTS = [
    {"name": "age", "type": "integer", "nullable": False},
    {"name": "width", "type": "number", "nullable": True},
    {"name": "colour", "type": "text", "nullable": True},
    {"name": "wild", "type": "boolean", "nullable": False},
    {"name": "seen", "type": "date", "nullable": True},
]
ROW = [3, 1.5, "red", True, "2026-01-31"]
DTYPES = ["float64", "float64", "str", "boolean", "datetime64[us]"]


def from_rows(rows, inputs=INPUTS, rules=cell_rules.JSON) -> pandas.DataFrame:
    return Reader(inputs).from_rows(rows, rules=rules).frame()


def faults(rows, rules=cell_rules.JSON) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        from_rows(rows, rules=rules)
    return caught.value.message_dict["input_data"]


def test_a_list_and_an_object_are_the_same_row():
    names = [column["name"] for column in INPUTS]
    mixed = dict(reversed(list(zip(names, ROW, strict=True))))
    pandas.testing.assert_frame_equal(from_rows([ROW]), from_rows([mixed]))


def test_lists_and_objects_may_stand_in_one_request():
    names = [column["name"] for column in INPUTS]
    pandas.testing.assert_frame_equal(
        from_rows([ROW, dict(zip(names, ROW, strict=True))]), from_rows([ROW, ROW])
    )


def test_columns_by_name_are_the_same_rows_and_others_are_ignored():
    columns = {column["name"]: [value, None] for column, value in zip(INPUTS, ROW, strict=True)}
    read = Reader(INPUTS).from_columns(columns | {"other": [1, 2]}, 2)
    pandas.testing.assert_frame_equal(read.frame(), from_rows([ROW, [None] * 5]))


def test_a_frame_and_its_typed_rows_are_the_same():
    frame = from_rows([ROW, [None] * 5])
    pandas.testing.assert_frame_equal(TypedRows.of_frame(frame, INPUTS).frame(), frame)


def test_the_dtypes_do_not_depend_on_the_rows():
    for row in (ROW, [None] * 5):
        frame = from_rows([row])
        assert [str(dtype) for dtype in frame.dtypes] == DTYPES


def test_null_is_missing():
    assert from_rows([[None] * 5]).isna().all(axis=None)


def test_an_integral_float_passes_for_an_integer_and_an_integer_for_a_float():
    frame = from_rows([[3.0, 2, "red", True, None]])
    assert frame.loc[0, ["age", "width"]].tolist() == [3.0, 2.0]


def test_a_moment_with_a_zone_is_the_moment_in_utc():
    frame = from_rows([[*ROW[:4], "2026-01-31T02:00:00+02:00"]])
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


def test_a_moment_outside_the_calendar_is_no_date():
    (fault,) = faults([[*ROW[:4], "0001-01-01T00:00:00+05:00"]])
    assert "must be a date" in fault


def test_texts_of_a_csv_file_are_read_as_their_columns_types():
    read = from_rows(
        [["3", " 1.5", "5", "TRUE", "2026-01-31"], ["", "NA", "", "", "nan"]], rules=cell_rules.TEXT
    )
    wanted = from_rows([[3, 1.5, "5", True, "2026-01-31"], [None] * 5])
    pandas.testing.assert_frame_equal(read, wanted)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["3.5", "1", "a", "true", ""], "column `age` must be a whole number"),
        (["3", "1_0", "a", "true", ""], "column `width` must be a number"),
        (["3", "1,5", "a", "true", ""], "column `width` must be a number"),
        (["3", "inf", "a", "true", ""], "column `width` must be a finite number"),
        (["3", "1", "a", "1", ""], "column `wild` must be true or false"),
        (["3", "1", "a", "true", "soon"], "column `seen` must be a date"),
    ],
)
def test_a_text_that_is_not_of_its_columns_type_is_named(row, words):
    assert words in faults([row], rules=cell_rules.TEXT)[0]


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


def test_faults_without_end_are_not_counted_to_their_end():
    start = time.monotonic()
    assert faults([[]] * 4_000_000)[-1] == "... and at least 9980 more."
    assert time.monotonic() - start < 2


def test_faults_do_not_echo_the_data():
    assert "secret" not in " ".join(faults([["secret"] * 5]))


@given(
    st.lists(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans())), max_size=4)
)
def test_any_json_rows_give_a_frame_or_faults(rows):
    try:
        frame = from_rows(rows)
    except ValidationError as error:
        assert error.message_dict["input_data"]
    else:
        assert [str(dtype) for dtype in frame.dtypes] == DTYPES
