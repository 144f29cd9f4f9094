"""How the dialect of delimited text is guessed: rare delimiters, quotation marks, and lines above the header."""

import io

import pytest

from catalog.readers.tables import chunks
from tests.catalog.readers.reading import assumptions, error_of, recipe_of, table

TABLE = [["city", "x"], *[["Bergen", "1.5"], ["Porto", "2"], ["Graz", "3"]] * 5]
EXPECTED = {"city": ["Bergen", "Porto", "Graz"] * 5, "x": [1.5, 2.0, 3.0] * 5}


@pytest.mark.parametrize("delimiter", ["::", "||", "~", "\x01", ", ", ";  ", "   "])
def test_rare_delimiters_and_spaces_after_delimiters_are_read(delimiter):
    content = "".join(delimiter.join(row) + "\n" for row in TABLE)
    assert table(content).to_dict("list") == EXPECTED
    assert error_of(content + "Lyon\n")[1].startswith("Line 17 has 1 cell, but the header has 2.")


def test_columns_with_a_space_between_them_are_read_if_there_are_three():
    content = "city x y\n" + "Bergen 1.5 2\n" * 5
    assert table(content, limit=1).to_dict("list") == {"city": ["Bergen"], "x": [1.5], "y": [2]}
    for amount in ("price (EUR)\n12 EUR\n8 EUR\n", "phone no\n555 1234\n555 9876\n"):
        assert table(amount).shape == (2, 1)


def test_columns_aligned_with_spaces_are_read():
    content = "".join(f"{city:<9}{x:>5}\n" for city, x in TABLE)
    assert table(content).to_dict("list") == EXPECTED


def test_quotes_after_a_space_enclose_cells():
    assert table('"a", "b, c"\n1, "x, ""y"""\n').to_dict("list") == {"a": [1], "b, c": ['x, "y"']}


def test_single_quotation_marks_around_all_cells_are_no_part_of_them():
    assert table("'city','x'\n'Bergen, N','1.5'\n").to_dict("list") == {"city": ["Bergen, N"], "x": [1.5]}
    assert table("'name'\n'O'Neil'\n").to_dict("list") == {"'name'": ["'O'Neil'"]}
    assert table("'tis,x'\n1,2\n").to_dict("list") == {"'tis": [1], "x'": [2]}
    assert table("'name'\n'O''Neil'\n").to_dict("list") == {"name": ["O'Neil"]}
    assert table("name,x\n'Tis,1\n").to_dict("list") == {"name": ["'Tis"], "x": [1]}


def test_the_line_that_names_the_separator_for_excel_is_followed():
    assert table("sep=;\na;b\n1,5;2\n").to_dict("list") == {"a": [1.5], "b": [2]}
    assert error_of("sep=;\na;b\n1\n")[1].startswith("Line 3 has 1 cell, but the header has 2.")


@pytest.mark.parametrize(
    "above",
    [
        "Report of May\n",
        "Report of May\nas of today\n\n",
        "# station 12\n# unit: mm\n",
        "Report,\n,\n",
        "# a\n\nTitle\n",
    ],
    ids=["title", "titles and a blank line", "comments", "padded title", "comment and title"],
)
def test_lines_above_the_header_are_skipped_and_counted(above):
    content = above + "".join(",".join(row) + "\n" for row in TABLE)
    assert table(content).to_dict("list") == EXPECTED
    assert recipe_of(content).skip == above.count("\n")
    line = above.count("\n") + 17
    assert error_of(content + "Lyon\n")[1].startswith(f"Line {line} has 1 cell, but the header has 2.")


@pytest.mark.parametrize(
    "content",
    ["review\nGood, cheap\nBad, slow\n", "review\nGood, 5\nBad, 4\nFine, 3\n"],
)
def test_prose_under_a_header_is_not_taken_for_a_header_under_a_title(content):
    assert error_of(content)[1].startswith("Line 2 has 2 cells, but the header has 1.")


@pytest.mark.parametrize(
    "content",
    [
        "#id,x\n1,2\n",
        "#id,x\n#1,a\n#2,b\n",
        "#id,x\n#1,a\n2,b\n",
        "#tag\n#a\nb\nc\n",
        "#n\nx;y\na\nb\n",
        "#n\na, b\n",
    ],
)
def test_a_header_and_the_values_below_it_can_start_with_a_hash(content):
    header, *rows = content.splitlines()
    assert list(table(content)) == header.split(",")
    assert len(table(content)) == len(rows)


def test_a_header_that_starts_with_a_hash_is_above_decimal_commas_and_other_delimiters():
    assert table("#n\n1,5\n2,5\n")["#n"].tolist() == [1.5, 2.5]
    assert table("#n,text\n?,a | b\n2,c | d\n").shape == (2, 2)


@pytest.mark.parametrize(
    "content", ['"","x"\n"1",NA\n"2",3\n"3",4\n', "x,\n?,NA\n2,3\n3,4\n", "x,\na,?\nb,3\nc,4\n"]
)
def test_a_header_with_one_name_is_not_taken_for_a_title_above_missing_values(content):
    assert "x" in table(content).columns
    assert len(table(content)) == 3


@pytest.mark.parametrize("mark", ['"', "\r", "é", "a", "'"])
def test_a_separator_that_no_file_has_is_not_followed(mark):
    assert error_of(f"sep={mark}\na;b\n1;2\n")[0] in ("ragged_line", "no_header")


def test_a_rare_delimiter_in_quotes_is_part_of_the_cell():
    assert table('a::b\n1::"x::y"\n2::z\n3::z\n').to_dict("list") == {"a": [1, 2, 3], "b": ["x::y", "z", "z"]}


def test_spaces_at_the_ends_of_lines_are_no_column():
    content = "a b \n1 2\n3 4  \r\n 5 6\n7" + " " * 60_000 + "8\n"
    assert table(content).to_dict("list") == {"a": [1, 3, 5, 7], "b": [2, 4, 6, 8]}


def test_long_lines_of_tables_with_spaces_after_delimiters_are_refused():
    assert error_of("a, b\n1, 2\n" + "3, 4, " * 500_000)[0] == "unclosed_quote"


def test_wide_tables_with_spaces_after_delimiters_are_read_in_small_batches():
    names = [f"c{position}" for position in range(5_000)]
    content = ", ".join(names) + "\n" + (", ".join(["1"] * len(names)) + "\n") * 60
    sizes = [len(frame) for frame in chunks(io.BytesIO(content.encode()), recipe_of(content))]
    assert sum(sizes) == 60
    assert max(sizes) < 30


def test_prose_is_not_split_at_its_spaces():
    assert table("full name\nAda Lovelace\nAlan Turing\nGrace Hopper\n").shape == (3, 1)


def test_tables_drawn_by_databases_and_in_markdown_are_read():
    rows = "| Bergen |  1.5 |\n| Porto  |    2 |\n"
    markdown = f"| city   | x    |\n|:-------|-----:|\n{rows}"
    ruler = "+--------+------+\n"
    mysql = f"{ruler}| city   | x    |\n{ruler}{rows}{ruler}2 rows in set (0.00 sec)\n"
    psql = " city   |  x\n--------+-----\n Bergen | 1.5\n Porto  |   2\n(2 rows)\n\n"
    sqlcmd = "city     x\n-------- ----\nBergen    1.5\nPorto     2.0\n\n(2 rows affected)\n"
    for content in (markdown, mysql, psql, sqlcmd):
        assert table(content).to_dict("list") == {"city": ["Bergen", "Porto"], "x": [1.5, 2.0]}


def test_columns_of_fixed_width_can_have_spaces_and_empty_cells():
    cities = ["New York", "Bergen", "", "Sao Paulo"] * 3
    content = "id   city        x\n" + "".join(
        f"{i:<5}{city:<10}{i / 2:>4}\n" for i, city in enumerate(cities)
    )
    frame = table(content)
    assert frame["city"].fillna("").tolist() == cities
    assert frame["x"].tolist() == [i / 2 for i in range(12)]
    assert "start at characters 1, 6, 17" in assumptions(content)["fixed_width"]
    assert error_of(content + "12   A very long city 1.0\n")[1].startswith("Line 14 has 1 cell")


def test_single_quotes_can_enclose_only_some_columns():
    content = "id,city\n" + "1,'Bergen, N'\n2,'Porto'\n" * 3
    assert table(content, limit=1).to_dict("records") == [{"id": 1, "city": "Bergen, N"}]


def test_spaces_on_both_sides_of_a_delimiter_are_no_part_of_the_cells():
    assert table("city | x\nBergen | 1\nPorto | 2\n").to_dict("list") == {
        "city": ["Bergen", "Porto"],
        "x": [1, 2],
    }


@pytest.mark.parametrize("delimiter", [",,", "\t\t", "^", "\x1f", ":"])
def test_other_rare_delimiters_are_read_and_said(delimiter):
    content = "".join(delimiter.join(row) + "\n" for row in TABLE)
    assert table(content).to_dict("list") == EXPECTED
    assert "separated by" in assumptions(content)["delimiter"]


def test_one_column_is_said():
    assert assumptions("city\nBergen\nPorto\n") == {
        "one_column": "The file is one column: is the delimiter right?"
    }
    assert assumptions("a,b\n1,2\n") == {}
