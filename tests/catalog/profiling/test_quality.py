"""Warnings about the values of a table."""

import random

import pytest

from catalog.profiling import quality
from tests.catalog.profiling.tables import csv, ingested, typed_copy, warnings

RANDOM = random.Random(1)
NOISE = [RANDOM.gauss(10, 3) for _ in range(100)]
COUNT = list(range(100))


def test_constant_and_empty_columns():
    found = warnings(csv(x=NOISE, same=["a"] * 100, none=[None] * 100, rare=[None] * 97 + [1.5, 2.5, 4]))
    assert found["constant"] == "`same` has the same value in every row that has one."
    assert found["empty"] == "`none` has no value in any row."
    assert found["mostly_empty"] == "`rare` is empty in 97 of 100 rows (97.0%)."


def test_an_identifier_is_found_in_all_rows():
    found = warnings(csv(x=NOISE, code=[f"k{i}" for i in COUNT]))
    assert found["identifier"] == "`code` looks like an identifier: 100 different values in 100 rows."
    rows = [*range(900), *range(900)]
    assert "identifier" not in warnings(csv(zip=[f"z{i}" for i in rows], x=[i % 7 for i in rows]))


def test_text_that_is_mostly_numbers():
    found = warnings(csv(x=NOISE, age=["unknown", "n/k", *(f"0{i}" for i in range(98))]))
    assert found["mixed"] == "`age` is text, but 98 of its 100 values are numbers."


def test_a_heavy_tail():
    found = warnings(csv(x=NOISE, amount=[*(i / 10 for i in COUNT[:99]), 1_000_000.0]))
    assert found["heavy_tail"].startswith(
        "`amount` has a heavy tail: its maximum 1e+06 is far from the 95th percentile"
    )


@pytest.mark.parametrize("code", [-9999, 9999, -1])
def test_a_code_for_missing_values(code):
    values = [code if i % 20 == 0 else 1000 + i % 100 for i in range(200)]
    found = warnings(csv(temperature=values, x=NOISE * 2))
    assert found["sentinel_value"] == (
        f"`temperature` is {code} in 10 of 200 rows; its other values are from 1001 to 1099. "
        "Is it a code for a missing value?"
    )
    assert "heavy_tail" not in found


def test_numbers_that_continue_to_the_code_are_no_codes():
    assert "sentinel_value" not in warnings(csv(a=[i - 99 for i in COUNT] * 2))


def test_pairs_of_correlated_columns():
    found = warnings(csv(a=NOISE, b=[-2 * x + 1 for x in NOISE], c=[x % 1 for x in NOISE]))
    assert found["correlated"] == "`a` and `b` are almost the same: their correlation is -1.0000."


def test_correlations_are_those_of_all_rows():
    """The sample has the correlation, the table has not."""
    table = typed_copy(csv(a=NOISE, b=NOISE[::-1]))
    profile = ingested(csv(a=NOISE, b=NOISE[::-1])).profile
    sample = ingested(csv(a=NOISE, b=NOISE)).sample
    assert "correlated" not in [finding.code for finding in quality.warnings(table, profile, sample=sample)]


def test_duplicate_rows_are_counted():
    found = warnings(csv(a=[1, 1, 2, 1, None, None], b=["x", "x", "x", "y", "z", "z"]))
    assert found["duplicate_rows"] == "2 of 6 rows repeat an earlier row exactly."


def test_unequal_classes_of_the_likely_target():
    found = warnings(csv(x=NOISE, Label=["bad"] * 5 + ["good"] * 95))
    assert found["class_balance"] == (
        "The classes of `Label`, the likely target, are unequal: `good` is in 95.0% of the rows, "
        "`bad` in 5 rows (5.0%)."
    )
    assert "class_balance" not in warnings(csv(x=NOISE, label=["yes", "no"] * 50))


def test_a_tidy_table_has_no_warnings():
    assert warnings(csv(x=NOISE, kind=["a", "b"] * 50)) == {}


def test_a_warning_about_thousands_of_columns_is_short():
    found = ingested(csv(x=NOISE, **{f"same{i}": [1] * 100 for i in range(30)})).warnings
    assert [one.sentence for one in found if one.code == "constant"][20:] == [
        "10 more columns are like this: constant."
    ]


@pytest.mark.parametrize(("last", "is_unique"), [(3, False), (4, True)])
def test_duplicate_rows_of_a_wide_table_are_found_by_a_few_columns_first(monkeypatch, last, is_unique):
    monkeypatch.setattr(quality, "WIDE", 2)
    assert ("duplicate_rows" in warnings(csv(a=[1, 1, 2, 2], b=[3, 4, 3, last], c=[1, 1, 1, 1]))) != is_unique
