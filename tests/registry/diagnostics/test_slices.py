"""How well a model predicts parts of its held-out rows, against scikit-learn on the same rows."""

import numpy as np
import pandas
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from registry.diagnostics import slice_tables, slices
from registry.diagnostics.held_out import HeldOut

ROWS = 200
INPUTS = [
    {"name": "size", "type": "number"},
    {"name": "colour", "type": "text"},
    {"name": "rooms", "type": "integer"},
    {"name": "sold", "type": "date"},
]


@pytest.fixture(scope="module")
def table():
    """The answer follows the size, but for blue rows it is drawn; a quarter of the sizes is missing."""
    random = np.random.default_rng(0)
    size = random.normal(size=ROWS)
    colour = np.array(["red", "green", "blue", "red"])[np.arange(ROWS) % 4]
    answer = np.where(colour == "blue", random.random(ROWS) > 0.5, size > 0)
    columns = {
        "size": np.where(np.arange(ROWS) % 8 == 7, np.nan, size),
        "colour": pandas.Series(colour, dtype="str"),
        "rooms": (np.arange(ROWS) % 3).astype(float),
        "sold": pandas.date_range("2026-01-01", periods=ROWS).astype("datetime64[us]"),
    }
    return pandas.DataFrame(columns), np.where(answer, "yes", "no")


def numbers_of(X):
    return X[["size", "rooms"]].fillna(0).to_numpy()


def held_out(table, model, y=None, **fields):
    X, labels = table
    y = labels if y is None else y
    pipeline = Pipeline([("columns", FunctionTransformer(numbers_of)), ("model", model)]).fit(X, y)
    task = "regression" if y.dtype.kind == "f" else "classification"
    return HeldOut(pipeline, X, y, task=task, inputs=INPUTS, **fields)


@pytest.fixture(scope="module")
def classified(table):
    return held_out(table, DecisionTreeClassifier(max_depth=1, random_state=0))


def rows_of(X, one):
    """The rows of a slice, found again by its description."""
    values = X[one["column"]]
    if one["kind"] == "missing":
        return values.isna()
    if one["kind"] == "value":
        return values == one["value"]
    low, high = (pandas.Timestamp(e) if one["type"] == "date" else e for e in (one["low"], one["high"]))
    return (values >= low) & (values <= high)


def test_each_slice_has_the_metrics_of_scikit_learn_for_its_rows(classified):
    found = slices.section(classified)
    predicted = classified.pipeline.predict(classified.X)
    assert {one["column"] for one in found["slices"]} == {"size", "colour", "rooms", "sold"}
    for one in found["slices"]:
        rows = rows_of(classified.X, one)
        assert one["rows"] == rows.sum()
        accuracy = metrics.accuracy_score(classified.y[rows], predicted[rows])
        assert one["values"]["accuracy"] == pytest.approx(accuracy)
        expected = metrics.f1_score(classified.y[rows], predicted[rows], average="weighted", zero_division=0)
        assert one["values"]["f1_score"] == pytest.approx(expected)
        assert one["difference"] == pytest.approx(accuracy - found["whole"]["accuracy"])


def test_the_slice_where_it_fails_is_first_and_the_only_one_that_is_more_than_noise(classified):
    found = slices.section(classified)["slices"]
    assert (found[0]["column"], found[0]["value"], found[0]["is_clear"]) == ("colour", "blue", True)
    assert [one["column"] for one in found if one["is_clear"] and one["difference"] < 0] == ["colour"]


def test_the_interval_of_a_share_is_wilsons_and_its_test_fishers_corrected_by_holm(classified):
    first = slices.section(classified)["slices"][0]
    is_right = classified.pipeline.predict(classified.X) == classified.y
    rows = rows_of(classified.X, first)
    interval = stats.binomtest(int(is_right[rows].sum()), int(rows.sum())).proportion_ci(method="wilson")
    assert first["interval"] == pytest.approx([interval.low, interval.high], abs=1e-6)
    p_value = stats.fisher_exact(
        [[(is_right & side).sum(), (~is_right & side).sum()] for side in (rows, ~rows)]
    )[1]
    assert first["p_value"] == pytest.approx(min(p_value * len(slices.section(classified)["slices"]), 1))


@pytest.mark.parametrize("hits", [(0, 40), (3, 2), (9, 31), (10, 0), (5_000, 9_000)])
def test_the_exact_test_is_that_of_scipy(hits):
    parts = [
        np.arange(size) < count
        for size, count in zip((6_000, 12_000) if hits[0] > 10 else (10, 50), hits, strict=True)
    ]
    table = [[part.sum(), len(part) - part.sum()] for part in parts]
    p_value = slices._fisher(*(part.astype(float) for part in parts))
    assert p_value == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6)


def test_missing_values_are_a_slice_and_quarters_hold_every_other_row(classified):
    found = [one for one in slices.section(classified)["slices"] if one["column"] == "size"]
    assert sorted(one["kind"] for one in found) == ["missing", *["range"] * 4]
    assert sum(one["rows"] for one in found) == ROWS


def test_of_classes_the_counts_are_those_of_the_confusion_matrix(classified):
    found = slices.section(classified)
    for one in found["slices"]:
        rows = rows_of(classified.X, one)
        predicted = classified.pipeline.predict(classified.X[rows])
        matrix = metrics.confusion_matrix(classified.y[rows], predicted, labels=found["classes"])
        assert one["counts"]["actual"].tolist() == matrix.sum(axis=1).tolist()
        assert one["counts"]["predicted"].tolist() == matrix.sum(axis=0).tolist()
        assert one["counts"]["correct"].tolist() == matrix.diagonal().tolist()


def test_regressors_are_sliced_by_rmse_with_the_mean_error_instead_of_r2(table):
    X, _ = table
    y = X["rooms"].to_numpy() + (X["colour"] == "blue") * np.random.default_rng(1).normal(3, 4, ROWS)
    measured = held_out(table, LinearRegression(), y.to_numpy())
    found = slices.section(measured)
    first = found["slices"][0]
    rows = rows_of(X, first)
    predicted = measured.pipeline.predict(X[rows])
    assert (found["metric"], first["value"], first["is_clear"]) == ("rmse", "blue", True)
    assert first["values"]["rmse"] == pytest.approx(
        metrics.root_mean_squared_error(measured.y[rows], predicted)
    )
    assert first["values"]["mean_error"] == pytest.approx((predicted - measured.y[rows]).mean())
    assert first["interval"][0] < first["values"]["rmse"] < first["interval"][1]


def test_an_area_is_shown_but_the_slices_are_compared_by_the_log_loss(table):
    model = DecisionTreeClassifier(max_depth=2, random_state=0)
    measured = held_out(table, model, primary_metric="roc_auc")
    found = slices.section(measured)
    first = found["slices"][0]
    rows = rows_of(measured.X, first)
    probabilities = measured.pipeline.predict_proba(measured.X[rows])
    assert (found["metric"], found["also"]) == ("log_loss", ["roc_auc", "accuracy"])
    assert first["values"]["log_loss"] == pytest.approx(metrics.log_loss(measured.y[rows], probabilities))
    area = metrics.roc_auc_score(measured.y[rows], probabilities[:, 1])
    assert first["values"]["roc_auc"] == pytest.approx(area)


def test_without_probabilities_slices_are_compared_by_the_accuracy(table):
    found = slices.section(held_out(table, LinearSVC(), primary_metric="roc_auc"))
    assert (found["metric"], found["also"]) == ("accuracy", ["roc_auc", "f1_score"])


def test_noise_is_called_noise(table):
    y = np.random.default_rng(3).choice(["a", "b"], ROWS)
    found = slices.section(held_out(table, DummyClassifier(), y))["slices"]
    assert found
    assert not any(one["is_clear"] for one in found)


def test_slices_of_few_rows_are_left_out_and_columns_after_the_time_are_counted(table):
    X, y = table
    few = held_out((X[:12], y[:12]), DecisionTreeClassifier())
    assert all(one["rows"] >= slices.MIN_ROWS for one in slices.section(few)["slices"])
    late = held_out(table, DecisionTreeClassifier(), deadline=0)
    assert slices.section(late)["columns_left_out"] == len(INPUTS)


def test_rare_values_are_one_slice(table):
    X, y = table
    names = pandas.Series([f"name {row // 12 if row < 24 else row}" for row in range(ROWS)], dtype="str")
    measured = held_out((X.assign(colour=names), y), DecisionTreeClassifier())
    found = [one for one in slices.section(measured)["slices"] if one["column"] == "colour"]
    assert sorted((one["kind"], one["rows"]) for one in found) == [
        ("other", 176),
        ("value", 12),
        ("value", 12),
    ]
    assert "176 other values" in [slice_tables.label(one) for one in found]


def test_clusters_have_no_slices(classified):
    assert slices.section(HeldOut(None, classified.X, None, task="clustering", inputs=INPUTS)) is None


@pytest.mark.parametrize("huge", [1e200, 1e100])
def test_errors_whose_squares_overflow_are_not_sliced(huge):
    size = np.repeat([1.0, huge], 50)
    X = pandas.DataFrame(
        {"size": size, "colour": "red", "rooms": 1.0, "sold": pandas.Timestamp("2026-01-01")}
    )
    pipeline = Pipeline([("numbers", FunctionTransformer(numbers_of)), ("model", LinearRegression())])
    pipeline.fit(X.assign(size=np.arange(100.0)), np.arange(100.0))
    section = slices.section(HeldOut(pipeline, X, np.zeros(100), task="regression", inputs=INPUTS))
    assert section is None if huge == 1e200 else len(section["slices"]) == 1
