"""ARFF: its header declares the columns; what cannot be read says so."""

import pytest

from tests.catalog.readers.reading import error_of, recipe_of, table, types

CONTENT = """% made up
@RELATION 'fruit bowl'

@ATTRIBUTE weight NUMERIC
@attribute 'colour of it' {red,'dark green'}
@Attribute code {0,1}
@attribute note string
@attribute day date "yyyy-MM-dd"

@DATA
100, red, 0, 'it\\'s, fine', "2024-01-31"
% a comment
?,'dark green',1,?,2024-02-29
"""


def test_the_columns_are_those_that_the_header_declares():
    assert types(CONTENT) == {
        "weight": "integer", "colour of it": "text", "code": "text", "note": "text", "day": "date",
    }  # fmt: skip


def test_question_marks_are_missing_and_quotes_no_part_of_the_cells():
    frame = table(CONTENT.replace('"2024-01-31"', "2024-01-31"))
    assert frame["colour of it"].tolist() == ["red", "dark green"]
    assert frame["note"].iloc[0] == "it's, fine"
    assert frame["weight"].isna().tolist() == [False, True]


def test_a_word_that_means_missing_elsewhere_is_a_value():
    content = "@relation t\n@attribute country string\n@attribute x real\n@data\nNA,1\nNO,2.5\n"
    assert table(content).to_dict("list") == {"country": ["NA", "NO"], "x": [1, 2.5]}
    assert recipe_of(content).skip == 4


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("@relation t\n@attribute x real\n@data\n{0 1.5}\n", "its rows are sparse"),
        ("@relation t\n@attribute x relational\n@data\n1\n", "attribute x is relational"),
        ("@relation t\n@attribute x real\n1\n", "no @ATTRIBUTE lines followed by @DATA"),
        ("@relation t\n@attribute x real\n@data\n1,2\n", "Line 4 has 2 cells"),
        ("@relation t\n@attribute x real\n@data\n", "no data rows"),
    ],
)
def test_what_cannot_be_read_is_refused(content, sentence):
    assert sentence in error_of(content)[1]
