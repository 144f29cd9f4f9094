"""Partial dependence: the numbers of scikit-learn on the same rows and values."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.inspection import partial_dependence

from registry.diagnostics.effects import dependence, importance
from tests.registry.diagnostics.effects.test_importance import held_out


def measured(name, params=None):
    rows = held_out(name, params)
    rows.sections = {"importance": importance.measure(rows)}
    return rows, dependence.measure(rows)


@pytest.fixture(scope="module")
def classified():
    return measured("RandomForestClassifier", {"n_estimators": 5})


@pytest.fixture(scope="module")
def regressed():
    return measured("Ridge")


def scikit_learn(rows, column):
    grid = [np.nan if value is None else value for value in column["grid"]]
    if column["type"] == "date":
        grid = rows.X[column["column"]].drop_duplicates().dropna().sort_values().to_numpy()
    found = partial_dependence(
        rows.pipeline,
        rows.X,
        [column["column"]],
        custom_values={column["column"]: np.array(grid, dtype=object if column["type"] == "text" else None)},
        method="brute",
        kind="average",
    )
    return found["average"]


@pytest.mark.parametrize("kind", ["classified", "regressed"])
@pytest.mark.parametrize("name", ["length", "count", "colour"])
def test_means_are_those_of_scikit_learn(request, kind, name):
    rows, section = request.getfixturevalue(kind)
    column = next(one for one in section["columns"] if one["column"] == name)
    assert np.array(column["means"]) == pytest.approx(scikit_learn(rows, column), rel=1e-3)


def test_the_most_important_columns_come_first(classified):
    rows, section = classified
    names = [one["column"] for one in rows.sections["importance"]["columns"]]
    assert [one["column"] for one in section["columns"]] == names[: dependence.MAX_COLUMNS]


def test_three_classes_have_a_mean_each_that_add_up_to_one(classified):
    _, section = classified
    assert section["classes"] == ["k0", "k1", "k2"] and section["output"] == "probability"
    assert np.sum(section["columns"][0]["means"], axis=0) == pytest.approx(1, abs=1e-3)


def test_a_missing_value_is_a_category_with_its_rows(classified):
    rows, section = classified
    colour = next(one for one in section["columns"] if one["column"] == "colour")
    assert colour["grid"][-1] is None and colour["counts"][-1] == rows.X["colour"].isna().sum()


def test_numbers_have_quantiles_and_a_histogram_between_them(regressed):
    rows, section = regressed
    length = next(one for one in section["columns"] if one["column"] == "length")
    assert len(length["grid"]) == 20 and length["grid"] == sorted(length["grid"])
    inside = rows.X["length"].between(length["grid"][0], length["grid"][-1])
    assert sum(length["histogram"]) == inside.sum()


def test_a_decision_function_is_averaged_without_probabilities():
    _, section = measured("LinearSVC")
    assert section["output"] == "score"


def test_the_section_ends_with_what_it_has_when_the_time_is_over(classified):
    rows, _ = classified
    late = replace(rows, deadline=time.monotonic() - 1)
    assert len(dependence.measure(late)["columns"]) == 1


def test_without_importance_there_is_no_dependence(classified):
    assert dependence.measure(replace(classified[0], sections={})) is None


def test_wide_tables_are_predicted_in_parts_with_the_same_means(regressed, monkeypatch):
    rows, section = regressed
    monkeypatch.setattr(dependence, "BATCH_CELLS", 3 * rows.X.size)
    assert dependence.measure(rows)["columns"] == section["columns"]
