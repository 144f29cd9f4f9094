"""Texts that mean a missing value among others that do not."""

import pytest

from tests.catalog.readers.reading import findings, recipe_of, table, types

MARKS = [
    "?",
    "-",
    "--",
    ".",
    "n.a.",
    "na",
    "NA ",
    "#DIV/0!",
    "\\N",
    "missing",
    "Unknown",
    "k.A.",
    "–",
    "(null)",
    ".A",
    "*",
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_for_missing_among_numbers_is_read_as_missing(mark):
    frame = table(f"x,y\n1.5,a\n{mark},b\n2.5,c\n")
    assert frame["x"].isna().tolist() == [False, True, False]


def test_marks_for_missing_are_counted_and_the_first_is_located():
    (finding,) = findings("hp\n" + "1.5\n" * 77 + "?\n" + "2\n" * 122)
    assert (finding.code, finding.column, finding.line) == ("odd_tokens", "hp", 79)
    assert finding.sentence == "199 of 200 values of `hp` are numbers; line 79 is `?`: read as missing."
    (finding,) = findings("x\n1\n?\n-\n2\n?\n")
    assert (
        finding.sentence
        == "2 of 5 values of `x` are numbers; 3 are `-` or `?` (first on line 3): read as missing."
    )


def test_the_texts_that_mean_missing_are_in_the_recipe_of_the_column():
    column = recipe_of("x\n1\n?\n").columns[0]
    assert "?" in column.format.missing
    assert column.nullable


def test_a_word_among_numbers_leaves_a_text_column_and_is_named():
    content = "v\n" + "1.5\n" * 77 + "err\n" + "2\n" * 122
    (finding,) = findings(content)
    assert (
        finding.sentence
        == "199 of 200 values of `v` are numbers; line 79 is `err`. The column is read as text."
    )
    assert types(content) == {"v": "text"}


def test_the_line_of_a_finding_counts_line_breaks_in_cells():
    (finding,) = findings('t,x\n"a\nb",1\nc,?\n')
    assert finding.line == 4


def test_names_that_look_like_marks_for_missing_are_kept_in_text():
    assert table("name,age\nNull,20\nTrue,21\nNan,22\nUnknown,23\n")["name"].tolist() == [
        "Null",
        "True",
        "Nan",
        "Unknown",
    ]


def test_a_column_of_marks_alone_is_missing_and_said():
    assert types("x,y\n?,1\n?,2\n") == {"x": "number", "y": "integer"}
    assert [finding.code for finding in findings("x,y\n?,1\n?,2\n")] == ["odd_tokens"]
    assert types("x,y\nUNKNOWN,1\nUNKNOWN,2\n") == {"x": "text", "y": "integer"}
