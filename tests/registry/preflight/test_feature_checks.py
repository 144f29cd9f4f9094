"""The dry run's warnings about features: empty columns, identifiers and target leakage."""

import io

import numpy as np
import pandas
import pytest
from django.conf import settings

from catalog.examples import EXAMPLES, add_example
from registry.preflight import leakage
from tests.registry.preflight.conftest import codes, table


def download(version) -> bytes:
    return (settings.DATA_DIR / settings.DATASETS_BUCKET / version.key).read_bytes()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_datasets_have_no_warnings(check, admin, name):
    algorithm = "LinearRegression" if name == "diabetes" else "LogisticRegression"
    assert check(add_example(name, by=admin), algorithm, target="target") == []


def test_an_easy_class_that_two_features_separate_is_no_leak(check, admin):
    version = add_example("iris", by=admin)
    frame = pandas.read_csv(io.BytesIO(download(version)))
    assert check(frame.assign(target=frame["target"] == 0), target="target") == []


def test_a_column_without_values_has_a_warning(check):
    warnings = check(table(nothing=np.nan))
    assert codes(warnings) == [("empty_column", "features")]
    assert warnings[0]["detail"].startswith("Column `nothing` has no value")


@pytest.mark.parametrize("rows", [40, 3_000])
@pytest.mark.parametrize(
    "make",
    [
        lambda rows, rng: np.arange(rows) + 1_000,
        lambda rows, rng: rng.permutation(rows),
        lambda rows, rng: [f"customer {i}" for i in range(rows)],
        lambda rows, rng: np.cumsum(rng.integers(1, 50, rows)),
    ],
    ids=["counter", "shuffled", "text", "counter with gaps"],
)
def test_an_identifier_is_detected_by_its_values_not_its_name(check, rows, make):
    warnings = check(table(rows, whatever=make(rows, np.random.default_rng(1))))
    assert codes(warnings) == [("identifier", "features")]
    assert "Column `whatever` looks like an identifier" in warnings[0]["detail"]


def test_random_codes_are_identifiers_and_amounts_of_money_are_not(check):
    rng = np.random.default_rng(1)
    frame = table(400, code=rng.integers(10**8, 10**9, 400), income=rng.lognormal(15, 1, 400).astype(int))
    warnings = check(frame)
    assert "`code`" in warnings[0]["detail"]
    assert "`income`" not in warnings[0]["detail"]


def test_fractions_are_not_identifiers(check):
    assert check(table(a=np.arange(120) / 7)) == []


@pytest.mark.parametrize("rows", [60, 3_000])
@pytest.mark.parametrize(
    "leak",
    [
        lambda answer: answer,
        lambda answer: answer.map({"cat": 7, "dog": 3}),
        lambda answer: answer == "cat",
        lambda answer: answer.map({"cat": -2.5, "dog": -1.0}) + np.linspace(0, 0.5, len(answer)),
    ],
    ids=["copy", "code", "flag", "threshold"],
)
def test_a_feature_that_reveals_the_class_has_a_leakage_warning(check, rows, leak):
    frame = table(rows)
    frame.insert(1, "other_name", leak(frame["answer"]))
    warnings = check(frame)
    assert codes(warnings) == [("leak", "features")]
    assert "Column `other_name` alone predicts `answer` almost perfectly" in warnings[0]["detail"]


def test_a_text_that_determines_the_class_is_a_leak(check):
    rng = np.random.default_rng(3)
    state = rng.integers(0, 12, 300)
    answer = np.where(state % 3 == 0, "won", "lost")
    assert codes(check(table(300, state=[f"state {s}" for s in state], answer=answer))) == [
        ("leak", "features")
    ]


@pytest.mark.parametrize(
    "leak",
    [lambda y: y, lambda y: 3 - 2 * y, np.exp, lambda y: y.round(1)],
    ids=["copy", "linear", "monotone", "rounded"],
)
def test_a_feature_that_reveals_the_number_has_a_leakage_warning(check, leak):
    y = np.random.default_rng(2).normal(0, 5, 300)
    warnings = check(table(300, answer=y, other=leak(y)), "LinearRegression")
    assert codes(warnings) == [("leak", "features")]


def test_a_good_predictor_is_not_a_leak(check):
    rng = np.random.default_rng(2)
    y = rng.normal(size=300)
    assert check(table(300, answer=y, near=y + rng.normal(0, 0.1, 300)), "LinearRegression") == []


def test_one_outlier_is_not_a_leak(check):
    rng = np.random.default_rng(2)
    y, near = rng.normal(size=300), rng.normal(size=300)
    y[0] = near[0] = 10_000
    assert check(table(300, answer=y, near=near), "LinearRegression") == []


def test_guessing_the_frequent_class_is_not_a_leak_of_the_rare_one(check):
    answer = np.where(np.arange(400) % 100 == 0, "yes", "no")
    assert check(table(400, answer=answer), "DecisionTreeClassifier") == []


def test_few_rows_have_no_leakage_warning(check):
    frame = table(9, answer=["a", "b", "a"] * 3)
    assert check(frame.assign(other=frame["answer"]), test_size=0.4) == []


def test_many_columns_are_listed_in_one_warning(check):
    warnings = check(table(**{f"empty_{i}": np.nan for i in range(8)}))
    assert len(warnings) == 1
    assert (
        "Columns `empty_0`, `empty_1`, `empty_2`, `empty_3`, `empty_4` and 3 more have"
        in warnings[0]["detail"]
    )


def test_only_the_selected_features_are_checked(check):
    assert check(table(nothing=np.nan), features=["size", "weight"]) == []


def test_a_leak_in_a_wide_table_is_found(check):
    rng = np.random.default_rng(4)
    wide = pandas.DataFrame(rng.normal(size=(150, 1_200))).add_prefix("x")
    wide["answer"] = rng.choice(["cat", "dog"], 150)
    warnings = check(wide.assign(x700=wide["answer"] == "cat"))
    assert "Column `x700`" in next(w["detail"] for w in warnings if w["code"] == "leak")


def test_numbers_beyond_the_range_of_a_tree_are_compared_too():
    values = np.where(np.arange(100) % 2, 1e300, -1e300)
    frame, inputs = pandas.DataFrame({"size": values}), [{"name": "size", "type": "number"}]
    y = np.where(values > 0, "cat", "dog")
    assert leakage.find(frame, inputs, y, is_classification=True) == ["size"]
