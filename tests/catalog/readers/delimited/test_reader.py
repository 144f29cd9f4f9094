"""Delimited text: dialects, records, headers, and the error for every fault."""

import csv
import decimal
import gzip
import io
import tracemalloc

import pandas as pd
import pytest
from django.core.exceptions import ValidationError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.readers.cells import missing
from catalog.readers.tables import detect, read
from tests.catalog.readers.reading import error_of, recipe_of, table


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_endings_are_detected(delimiter, end):
    content = end.join(delimiter.join(row) for row in [("a", "b"), ("1", "x, y; z"), ("2", '"q"')])
    frame = table(content.replace("x, y; z", '"x, y; z"'))
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].tolist() == ["x, y; z", "q"]


def test_quoted_cells_can_contain_delimiters_line_breaks_and_quotes():
    assert table('a,b\n"x\ny","q""z, w"\n').iloc[0].tolist() == ["x\ny", 'q"z, w']
    assert table('a,b\n"say \\"hi\\", ok",1\n')["a"].tolist() == ['say "hi", ok']


def test_a_single_column_can_contain_prose():
    assert table("comment\nHello, world\nfine; thanks\n")["comment"].tolist() == [
        "Hello, world",
        "fine; thanks",
    ]


def test_the_delimiter_of_a_single_column_is_that_of_the_extension():
    for name in ("t.tsv", "t.TAB.gz"):
        assert recipe_of("comment\nHello, world\n", name).delimiter == "\t"
    assert recipe_of("comment\nHello\n", "t.csv").delimiter == ","


def test_blank_lines_are_skipped():
    assert len(table("a,b\n1,2\n\n  \n3,4\n\n")) == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_above_the_header_are_skipped_and_counted(end):
    content = end.join(["", "  ", "a,b", "1,2", ""])
    assert table(content).to_dict("records") == [{"a": 1, "b": 2}]
    assert error_of(content + "3" + end)[1].startswith("Line 5 has 1 cell")


@pytest.mark.parametrize(
    "header",
    [
        ",a", "a,,", ',"",a', ",Unnamed: 0,a", "Unnamed: 1,,a", ",Unnamed: 0,Unnamed: 0.1", ",Unnamed: 2,",
        "Unnamed: 0.1,Unnamed: 0,,",
    ],
)  # fmt: skip
def test_empty_column_names_are_named_as_by_pandas(header):
    content = header + "\n" + ",".join("1" * len(header.split(","))) + "\n"
    assert list(table(content)) == list(pd.read_csv(io.StringIO(content)))


def test_five_thousand_columns_are_read():
    content = ",".join(f"c{i}" for i in range(5000)) + "\n" + (",".join(["1.5"] * 5000) + "\n") * 20
    assert table(content, limit=3).shape == (3, 5000)


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a", "a,b\n\n\n", "[]", "{}"])
def test_a_file_without_rows_is_rejected(content):
    assert error_of(content)[0] == "no_rows"


@pytest.mark.parametrize(("line", "count"), [("3,4,5", "3 cells"), ("3", "1 cell")])
def test_a_ragged_line_is_reported_with_its_line_number(line, count):
    code, sentence = error_of(f'a,b\n"x\ny",2\n\n{line}\n5,6\n')
    assert code == "ragged_line"
    assert sentence.startswith(f"Line 5 has {count}, but the header has 2.")


@pytest.mark.parametrize("rows", [2, 400_000])
def test_an_unclosed_quotation_mark_is_reported_with_its_line_number(rows):
    code, sentence = error_of('a,b\n1,2\n3,"4\n' + "5,6\n" * rows)
    assert code == "unclosed_quote"
    assert "line 3 " in sentence


def test_more_than_ten_thousand_columns_are_rejected():
    assert error_of(",".join(f"c{i}" for i in range(10_001)) + "\n1\n")[0] == "too_many_columns"


@pytest.mark.parametrize("name", ["x" * 201, "a\x07"])
def test_long_and_unprintable_column_names_are_rejected(name):
    assert error_of(f"{name},b\n1,2\n")[0] == "column_name"


def test_an_endless_line_is_rejected_in_constant_memory():
    content = gzip.compress(b'a,b\n"' + b"x" * 60_000_000)
    tracemalloc.start()
    with pytest.raises(ValidationError, match="does not end"):
        detect(io.BytesIO(content), "endless.csv.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000


CELL = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8),
    st.sampled_from(
        ["true", "FALSE", "2024-01-31", "2024-01-31 10:00", "007", "a\nb", 'say "x"', "", "a,b;c|d\te"]
    ),
)


@example(rows=[["0¢"]], delimiter=",", encoding="utf-8", quoting=csv.QUOTE_ALL, end="\n")
@settings(max_examples=150)
@given(
    rows=st.integers(1, 3).flatmap(
        lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=8)
    ),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_a_written_csv_file_is_read_back_unchanged(rows, delimiter, encoding, quoting, end):
    text = io.StringIO(newline="")
    names = ["first", "second", "third"][: len(rows[0])]
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([names, *rows])
    file = io.BytesIO(text.getvalue().encode(encoding))
    recipe = detect(file, "t.csv").recipe
    frame = read(file, recipe)
    assert list(frame) == names
    assert len(frame) == len(rows)
    for index, column in enumerate(recipe.columns):
        written = [row[index] for row in rows]
        assert_equal(written, frame[column.name].tolist(), column)


def without_affixes(text, column):
    """The number of a cell with a unit or a sign, such as a generated `0¢`."""
    for affix in column.format.affix if column.format else ():
        text = text.replace(affix, "")
    return text.strip()


def assert_equal(written, values, column):
    for text, value in zip(written, values, strict=True):
        if pd.isna(value):
            assert missing.is_known(text)
        elif column.type == "text":
            assert value == text
        elif column.type == "boolean":
            assert str(value).lower() == text.strip().lower()
        elif column.type == "date":
            assert pd.Timestamp(text) == value
        elif column.type == "integer":  # exactly, where a float would round
            assert decimal.Decimal(without_affixes(text, column)) == value
        else:
            assert float(without_affixes(text, column).replace(",", ".")) == value
