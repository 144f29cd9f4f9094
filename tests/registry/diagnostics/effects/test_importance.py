"""Permutation importance: the numbers of scikit-learn, within a time limit."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.inspection import permutation_importance

from registry.diagnostics.build import build
from registry.diagnostics.effects import importance
from registry.diagnostics.held_out import HeldOut
from registry.estimators.algorithms import find
from tests.serving.engine import fits


def held_out(name, params=None, features=None, **fields):
    frame = fits.table(count=100)
    result = fits.fit(find(name), frame, params or {}, features=features)
    inputs, target = result.signature["inputs"], result.signature["target"]["name"]
    task = "regression" if target == "size" else "classification"
    X = frame[[column["name"] for column in inputs]]
    return HeldOut(result.pipeline, X, frame[target].to_numpy(), task=task, inputs=inputs, **fields)


@pytest.fixture(scope="module")
def classified():
    return held_out("RandomForestClassifier", {"n_estimators": 5})


def scikit_learn(rows, scoring):
    return permutation_importance(
        rows.pipeline, rows.X, rows.y, scoring=scoring, n_repeats=importance.REPEATS, random_state=0
    )


def assert_equal(section, expected, names):
    found = {one["column"]: one for one in section["columns"]}
    assert [found[name]["mean"] for name in names] == pytest.approx(expected.importances_mean, abs=1e-12)
    assert [found[name]["std"] for name in names] == pytest.approx(expected.importances_std, abs=1e-12)


def test_importances_are_those_of_scikit_learn(classified):
    section = importance.measure(classified)
    assert section["metric"] == "accuracy" and section["not_reached"] == 0
    assert_equal(section, scikit_learn(classified, "accuracy"), classified.X.columns)


def test_a_table_of_numbers_is_shuffled_encoded_with_the_same_importances():
    rows = held_out("RandomForestRegressor", {"n_estimators": 5}, features=["length", "count"])
    section = importance.measure(rows)
    assert_equal(section, scikit_learn(rows, "r2"), rows.X.columns)


def test_a_metric_that_is_better_if_lower_has_positive_importances():
    rows = held_out("Ridge", primary_metric="mae")
    section = importance.measure(rows)
    assert_equal(section, scikit_learn(rows, "neg_mean_absolute_error"), rows.X.columns)
    assert section["columns"][0]["column"] == "length"  # the target follows from it


def test_columns_are_the_inputs_from_the_most_important(classified):
    columns = build(classified)["importance"]["columns"]
    assert {one["column"] for one in columns} == set(classified.X.columns)
    assert [one["mean"] for one in columns] == sorted((one["mean"] for one in columns), reverse=True)


def test_a_clusterer_has_none(classified):
    assert importance.measure(HeldOut(classified.pipeline, classified.X, None, "clustering", [])) is None


def test_columns_that_are_not_reached_in_time_are_said(classified, monkeypatch):
    monkeypatch.setattr(importance, "BATCH_ROWS", 100)
    section = importance.measure(replace(classified, deadline=time.monotonic() - 1))
    assert len(section["columns"]) == 1 and section["columns"][0]["std"] is None
    assert section["not_reached"] == 4 == len(section["not_reached_names"])


def test_rows_without_a_finite_prediction_are_left_out():
    rows = held_out("RadiusNeighborsRegressor", {"radius": 1.5})
    assert 0 < len(rows.scores) < len(rows.X)
    columns = importance.measure(rows)["columns"]
    assert len(columns) == 5 and all(np.isfinite(one["mean"]) for one in columns)


def test_a_metric_that_the_shuffled_rows_lack_is_replaced_by_the_usual_one(monkeypatch):
    rows = held_out("LogisticRegression", primary_metric="roc_auc")
    rare, other = rows.pipeline.classes_[:2]
    monkeypatch.setattr(importance, "MAX_ROWS", 50)
    shuffled = np.random.default_rng(0).choice(len(rows.y), 50, replace=False)
    rows.y = np.where((rows.y == rare) & np.isin(np.arange(len(rows.y)), shuffled), other, rows.y)
    section = importance.measure(rows)
    assert rows.scores.values()["roc_auc"] is not None
    assert section["metric"] == "accuracy" and section["not_reached"] == 0


def test_a_single_row_has_no_importance():
    rows = held_out("Ridge")
    one = replace(rows, X=rows.X[:1], y=rows.y[:1])
    assert importance.measure(one) is None
