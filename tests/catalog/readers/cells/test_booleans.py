"""The words for true and false."""

import pandas as pd
import pytest

from tests.catalog.readers.reading import findings, table, types


@pytest.mark.parametrize(
    ("true", "false"),
    [("TRUE", "false"), ("yes", "no"), ("Y", "N"), ("On", "Off"), ("T", "F"), ("ja", "nein"), ("oui", "non")],
)
def test_a_pair_of_words_is_read_as_booleans(true, false):
    assert table(f"x,y\n{true},1\n{false},2\n{true.upper()},3\n")["x"].tolist() == [True, False, True]


@pytest.mark.parametrize(
    "rows", ["yes\nyes\n", "yes\nnein\n", "yes\nno\nmaybe\n", "Y\nN\nU\n", "yes\nno\nunknown\n", "f\nm\n"]
)
def test_other_words_stay_text(rows):
    assert types(f"x\n{rows}") == {"x": "text"}


def test_spellings_that_differ_in_case_or_spaces_are_one_word_and_said():
    content = "churn\nYes\nyes\nYES \nNo\n?\n"
    assert table(content)["churn"].tolist() == [True, True, True, False, pd.NA]
    assert [finding.code for finding in findings(content)] == ["mixed_spelling", "odd_tokens"]
