"""The type of a column, inferred from its cells."""

import io
from datetime import datetime

import pandas as pd
import pytest

from catalog.readers import tables
from catalog.readers.tables import chunks, detect
from tests.catalog.readers.reading import recipe_of, table, types


def test_a_column_has_the_type_that_fits_all_its_values():
    content = "i,n,b,t,d\n1,1.5,true,x,2024-01-31\n-2,3,FALSE,y,2024-02-29T10:00\n"
    assert types(content) == {"i": "integer", "n": "number", "b": "boolean", "t": "text", "d": "date"}


def test_missing_cells_make_a_column_nullable_and_keep_its_type():
    frame = table("i,n,b,t,d\n1,1.5,true,x,2024-01-31\n,NA,null,,NaN\n")
    assert [str(kind) for kind in frame.dtypes] == ["Int64", "float64", "boolean", "str", "datetime64[us]"]
    assert frame.iloc[1].isna().all()
    assert all(column.nullable for column in recipe_of("a,b\n1,x\n,\n").columns)


def test_complete_columns_have_plain_dtypes():
    frame = table("i,b\n1,true\n2,false\n")
    assert [str(kind) for kind in frame.dtypes] == ["int64", "bool"]


def test_numbers_in_a_text_column_are_kept_as_written():
    assert table("a\n1\n1.50\nx\n")["a"].tolist() == ["1", "1.50", "x"]


def test_zero_padded_codes_stay_text():
    assert table("a,b\n007,0\n010,0.5\n")["a"].tolist() == ["007", "010"]


def test_whole_numbers_over_64_bits_stay_text():
    assert table("a\n99999999999999999999\n1\n")["a"].tolist() == ["99999999999999999999", "1"]
    assert table("a\n9223372036854775807\n1.5\n")["a"].dtype == "float64"


@pytest.mark.parametrize("value", ["2020", "12", "2024-02-30", "31.11.2024", "10:00"])
def test_only_dates_of_the_calendar_are_dates(value):
    assert types(f"a,b\nx,2024-01-01\ny,{value}\n")["b"] == "text"


def test_times_with_a_zone_become_naive_utc():
    frame = table("a\n2024-01-01T10:00:00+02:00\n2024-01-01 10:00:00.123456789Z\n2024-01-01\n")
    assert frame["a"].tolist()[0] == datetime(2024, 1, 1, 8)
    assert frame["a"].tolist()[1:] == [pd.Timestamp("2024-01-01 10:00:00.123456"), datetime(2024, 1, 1)]


def test_a_column_without_values_is_a_nullable_number():
    assert recipe_of("a,b\n1,\n2,\n").columns[1] == tables.Column("b", "number", True)


def test_spaces_are_ignored_around_numbers_and_kept_in_texts():
    frame = table(" a , b \n 1 , x\n  ,y\n")
    assert list(frame) == ["a", "b"]
    assert frame["a"].tolist() == [1, pd.NA]
    assert frame["b"].tolist() == [" x", "y"]


def test_a_column_has_the_same_type_in_every_chunk_of_the_file():
    content = "a,b\n" + "1,2\n" * 300_000 + "x,\n"
    file = io.BytesIO(content.encode())
    recipe = detect(file, "t.csv").recipe
    frames = list(chunks(file, recipe, rows=70_000))
    assert {tuple(map(str, frame.dtypes)) for frame in frames} == {("str", "Int64")}
    assert max(map(len, frames)) <= 70_000
    assert sum(map(len, frames)) == 300_001


def test_decimal_commas_are_read_as_numbers():
    assert table("a;b\n1,5;2,7\n3;-0,125\n")["b"].tolist() == [2.7, -0.125]
    assert recipe_of("a;b\n1,5;x\n").decimal == ","
    assert table("price\n1,5\n2,75\n")["price"].tolist() == [1.5, 2.75]


def test_a_comma_before_three_digits_is_read_as_in_the_other_columns():
    assert table("a;b\n1,500;1,5\n12,000;2,5\n")["a"].tolist() == [1.5, 12.0]
    assert table("a;b\n1,500;1.5\n12,000;2.5\n")["a"].tolist() == [1500, 12000]
    assert table("a;b\n1.500;1,5\n2.500;2,5\n")["a"].tolist() == [1500, 2500]
