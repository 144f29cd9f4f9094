"""Where the table is in delimited text: headers and their absence, rows that are no data, and names made usable."""

import pytest

from tests.catalog.readers.reading import assumptions, error_of, recipe_of, table

ROWS = "1,Bergen,1.5\n2,Porto,2\n3,Graz,3\n4,Lyon,4.5\n"


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        "5.1,3.5,setosa\n4.9,3.0,virginica\n",
        "Bergen,2020\nPorto,2021\n",
        "p,x,s\ne,x,s\np,x,y\n",
        "2024-01-31,a\n2024-02-29,b\n",
        "31.12.2024,a\n30.12.2024,b\n",
        "$5,a\n$7,b\n",
        "?,5,3\n1,2,3\n",
        "1,2\n3,4\n",
        "1\n1\n",
        "true,a\nfalse,b\n",
        "2024000   Bergen   1.00\n2024001   Porto   2.50\n2024002   Graz   3.5\n",
    ],
)
def test_a_file_without_a_header_is_read_from_its_first_line(rows):
    frame, recipe = table(rows), recipe_of(rows)
    assert len(frame) == rows.count("\n")
    assert not recipe.header
    assert list(frame) == [f"column_{position}" for position in range(1, len(frame.columns) + 1)]
    assert assumptions(rows)["no_header"].startswith("The file has no header: line 1 (`")


@pytest.mark.parametrize(
    "content",
    [
        "region,2020,2021\nNO,1,2\n",
        "2020,2021\n5,6\n",
        "id,x\n1,?\n2,5\n",
        "name,city\nAda,Bergen\nAlan,Porto\n",
        "0,1,2\n5.5,6,7\n7.5,8,9\n",
        "0,1,2,kind\n5.5,6,7,a\n7.5,8,9,b\n",
        ",speed\n1,4\n2,5\n",
        "error,x\n1,2\n",
    ],
)
def test_a_first_line_with_names_is_the_header(content):
    assert recipe_of(content).header
    assert len(table(content)) == content.count("\n") - 1


def test_names_that_are_numbers_are_said():
    assert "(`2020`, `2021`)" in assumptions("2020,2021\n5,6\n")["numbers_as_names"]


def test_duplicate_names_are_made_unique_as_by_pandas():
    assert list(table("x,x,x.1,x\n1,2,3,4\n")) == ["x", "x.2", "x.1", "x.3"]
    assert "has `x` more than once" in assumptions("x,y,x\n1,2,3\n")["duplicate_columns"]


def test_invisible_characters_and_line_breaks_in_names_are_removed():
    content = '\ufeff\ufeffid\u200b,ci\u00a0ty,"net\nweight",plain\n1,a,2,3\n'
    assert list(table(content)) == ["id", "ci ty", "net weight", "plain"]
    assert "`id`, `ci ty`, `net weight`" in assumptions(content)["renamed_columns"]


@pytest.mark.parametrize("units", [",,kg", "-,-,(kg)", "[1],text,[m/s]", ",,EUR"])
def test_a_row_of_units_below_the_header_is_skipped_and_said(units):
    content = f"id,city,x\n{units}\n{ROWS}"
    assert table(content).to_dict("list")["x"] == [1.5, 2, 3, 4.5]
    assert assumptions(content)["units_row"].startswith("Line 2 (`")


@pytest.mark.parametrize("row", ["1,Bergen,n.a.", "1,Bergen,kg", "1,Bergen,?", ",,1"])
def test_a_first_row_with_an_odd_value_is_no_row_of_units(row):
    assert len(table(f"id,city,x\n{row}\n{ROWS}")) == 5


def test_a_row_that_groups_the_names_is_skipped_and_said():
    content = ",,2023,\nid,city,x,y\n" + ROWS.replace("\n", ",1\n")
    assert list(table(content)) == ["id", "city", "x", "y"]
    assert "line 1 (`2023`) is skipped" in assumptions(content)["skipped_lines"]


def test_two_rows_of_names_are_refused():
    content = "2023,2023,2024,2024\nsales,cost,sales,cost\n" + "1,2,3,4\n" * 5
    code, sentence = error_of(content)
    assert code == "two_headers"
    assert "`2023, 2023, 2024, 2024` above `sales, cost, sales, cost`" in sentence


@pytest.mark.parametrize("rows", ['"1" 4 2\n"2" 5 6\n', '"a",4,2\n"b",5,6\n', "a\t4\t2\nb\t5\t6\n"])
def test_row_names_of_r_get_a_name(rows):
    delimiter = next(mark for mark in "\t, " if mark in rows)
    content = f"speed{delimiter}dist\n{rows}" if delimiter == "\t" else f'"speed"{delimiter}"dist"\n{rows}'
    assert list(table(content)) == ["Unnamed: 0", "speed", "dist"]
    assert table(content)["dist"].tolist() == [2, 6]
    assert "named `Unnamed: 0`" in assumptions(content)["row_names"]


def test_rows_with_a_cell_too_many_are_not_taken_for_rows_with_names():
    assert error_of("name,city\nSmith, John,Oslo\nDoe, Jane,Bergen\n")[0] == "ragged_line"


@pytest.mark.parametrize("content", ["a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n", "a,b,\n1,2\n3,4\n"])
def test_a_delimiter_at_the_end_of_lines_starts_no_column(content):
    assert table(content).to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_a_cell_far_below_behind_a_trailing_delimiter_is_read():
    content = "a,b,\n" + "1,2,\n" * 20_000 + "3,4,5\n"
    assert table(content).iloc[-1].tolist() == [3, 4, 5]
    assert "trailing_delimiter" not in assumptions(content)


def test_metadata_above_the_header_is_skipped_if_its_lines_have_delimiters():
    content = "Station,Bergen\nHeight,12\n\nid,city,x\n" + ROWS
    assert table(content)["x"].tolist() == [1.5, 2, 3, 4.5]
    assert assumptions(content) == {
        "skipped_lines": "3 lines above the header skipped: `Station,Bergen` on line 1."
    }


def test_a_header_that_is_repeated_below_is_said():
    assert assumptions("id,x\n1,2\nid,x\n3,4\n" + "5,6\n" * 20)["repeated_header"].startswith(
        "Line 3 repeats"
    )


def test_blank_lines_between_rows_are_said():
    assert assumptions("id,x\n1,2\n\n3,4\n")["blank_lines"] == "Blank lines are skipped: line 3 is one."
