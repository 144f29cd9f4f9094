"""Reader: rows in any form -> typed rows, or a list of errors with row and column."""

import math

import pandas
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from serving.inputs import cell_rules
from serving.inputs.reader import MAX_COUNTED_ERRORS, MAX_LISTED_ERRORS, Reader, TypedRows

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
    return Reader(inputs).from_rows(rows, rules=rules).to_frame()


def errors(rows, rules=cell_rules.JSON) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        from_rows(rows, rules=rules)
    return caught.value.message_dict["input_data"]


def test_a_row_is_the_same_as_list_and_as_object():
    names = [column["name"] for column in INPUTS]
    mixed = dict(reversed(list(zip(names, ROW, strict=True))))
    pandas.testing.assert_frame_equal(from_rows([ROW]), from_rows([mixed]))


def test_a_request_can_mix_lists_and_objects():
    names = [column["name"] for column in INPUTS]
    pandas.testing.assert_frame_equal(
        from_rows([ROW, dict(zip(names, ROW, strict=True))]), from_rows([ROW, ROW])
    )


def test_columns_give_the_same_rows_and_unknown_columns_are_ignored():
    columns = {column["name"]: [value, None] for column, value in zip(INPUTS, ROW, strict=True)}
    read = Reader(INPUTS).from_columns(columns | {"other": [1, 2]}, 2)
    pandas.testing.assert_frame_equal(read.to_frame(), from_rows([ROW, [None] * 5]))


def test_typed_rows_convert_to_the_frame_they_came_from():
    frame = from_rows([ROW, [None] * 5])
    pandas.testing.assert_frame_equal(TypedRows.from_frame(frame, INPUTS).to_frame(), frame)


def test_the_dtypes_do_not_depend_on_the_rows():
    for row in (ROW, [None] * 5):
        frame = from_rows([row])
        assert [str(dtype) for dtype in frame.dtypes] == DTYPES


def test_null_is_missing():
    assert from_rows([[None] * 5]).isna().all(axis=None)


def test_whole_floats_are_integers_and_integers_are_floats():
    frame = from_rows([[3.0, 2, "red", True, None]])
    assert frame.loc[0, ["age", "width"]].tolist() == [3.0, 2.0]


def test_a_date_with_a_time_zone_is_converted_to_utc():
    frame = from_rows([[*ROW[:4], "2026-01-31T02:00:00+02:00"]])
    assert frame["seen"][0] == pandas.Timestamp("2026-01-31")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("age", "3", "must be a number"),
        ("age", 3.5, "must be an integer"),
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
def test_a_value_of_another_type_is_an_error_with_row_and_column(column, value, words):
    names = [column["name"] for column in INPUTS]
    bad = [value if name == column else cell for name, cell in zip(names, ROW, strict=True)]
    (error,) = errors([ROW, bad])
    assert error.startswith(f"Row 2, column `{column}` ")
    assert words in error


def test_a_date_before_year_one_is_invalid():
    (error,) = errors([[*ROW[:4], "0001-01-01T00:00:00+05:00"]])
    assert "must be a date" in error


def test_csv_texts_are_parsed_by_the_column_type():
    read = from_rows(
        [["3", " 1.5", "5", "TRUE", "2026-01-31"], ["", "NA", "", "", "nan"]], rules=cell_rules.TEXT
    )
    expected = from_rows([[3, 1.5, "5", True, "2026-01-31"], [None] * 5])
    pandas.testing.assert_frame_equal(read, expected)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["3.5", "1", "a", "true", ""], "column `age` must be an integer"),
        (["3", "1_0", "a", "true", ""], "column `width` must be a number"),
        (["3", "1,5", "a", "true", ""], "column `width` must be a number"),
        (["3", "inf", "a", "true", ""], "column `width` must be a finite number"),
        (["3", "1", "a", "1", ""], "column `wild` must be true or false"),
        (["3", "1", "a", "true", "soon"], "column `seen` must be a date"),
    ],
)
def test_a_csv_text_that_cannot_be_parsed_is_an_error_with_its_column(row, words):
    assert words in errors([row], rules=cell_rules.TEXT)[0]


def test_unknown_and_missing_columns_are_named():
    row = {"age": 3, "width": 1.5, "color": "red", "wild": True, "seen": None}
    assert errors([row]) == [
        "Row 1: the model has no column `color`; did you mean `colour`?",
        "Row 1: column `colour` is missing; send null if the value is unknown.",
    ]


def test_a_missing_column_of_a_table_names_the_one_that_was_probably_renamed():
    columns = {"Age": [3], "width": [1.5], "colour": ["red"], "wild": [True], "seen": [None], "note": [""]}
    with pytest.raises(ValidationError) as caught:
        Reader(INPUTS).from_columns(columns, 1)
    assert caught.value.messages == ["Column `age` is missing; there is a column `Age`."]


def test_a_row_of_the_wrong_length_names_both_lengths():
    assert errors([ROW, ROW[:3]]) == ["Row 2 has 3 values; the model has 5 columns."]
    assert errors([ROW[:1]]) == ["Row 1 has 1 value; the model has 5 columns."]


def test_no_rows_are_an_empty_frame_with_the_same_dtypes():
    pandas.testing.assert_frame_equal(from_rows([]), from_rows([ROW]).iloc[:0])


@pytest.mark.parametrize("rows", ["rows", {"age": 3}, {}, 5, None])
def test_rows_must_be_a_list(rows):
    assert errors(rows) == ["The rows must be a list."]


@pytest.mark.parametrize("row", [5, "3,1.5,red", None])
def test_a_row_must_be_a_list_or_an_object(row):
    assert "must be a list of values or an object" in errors([row])[0]


def test_at_most_twenty_errors_are_listed_and_the_others_counted():
    listed = errors([["x"] * 5] * 100)
    assert len(listed) == MAX_LISTED_ERRORS + 1
    assert listed[-1] == "... and 380 more."


class VisitedRows(list):
    """A list that records how many rows each pass over it has visited."""

    def __init__(self, rows):
        super().__init__(rows)
        self.passes = []

    def __iter__(self):
        self.passes.append(0)
        for row in super().__iter__():
            self.passes[-1] += 1
            yield row


def test_counting_stops_at_ten_thousand_errors():
    rows = VisitedRows([[]] * 3 * MAX_COUNTED_ERRORS)
    assert errors(rows)[-1] == "... and at least 9,980 more."
    assert rows.passes[-1] == MAX_COUNTED_ERRORS + 1


def test_errors_do_not_repeat_the_data():
    assert "secret" not in " ".join(errors([["secret"] * 5]))


@given(
    st.lists(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans())), max_size=4)
)
def test_any_json_rows_give_a_frame_or_errors(rows):
    try:
        frame = from_rows(rows)
    except ValidationError as error:
        assert error.message_dict["input_data"]
    else:
        assert [str(dtype) for dtype in frame.dtypes] == DTYPES
