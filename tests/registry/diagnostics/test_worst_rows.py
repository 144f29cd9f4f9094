"""The held-out rows that a model predicts worst."""

import numpy as np
import pandas
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from registry.diagnostics import slices, worst_rows
from registry.diagnostics.held_out import HeldOut

INPUTS = [{"name": "x", "type": "number"}]


def held_out(model, y, **fields):
    """Every second row of a table is held out; the model has learnt them all."""
    X = pandas.DataFrame({"x": np.arange(60.0)})
    pipeline = Pipeline([("columns", FunctionTransformer()), ("model", model)]).fit(X, y)
    return HeldOut(pipeline, X[::2], y[::2], inputs=INPUTS, **fields)


def test_the_largest_errors_of_numbers_come_first_with_the_row_in_the_dataset():
    y = np.arange(60.0)
    y[[10, 20]] = [200, -500]
    found = worst_rows.section(held_out(LinearRegression(), y, task="regression"))
    assert [(row["row"], row["actual"]) for row in found["rows"][:2]] == [(21, -500), (11, 200)]
    first = found["rows"][0]
    assert first["inputs"] == {"x": 20.0}
    assert first["error"] == pytest.approx(first["predicted"] - first["actual"])
    assert (len(found["rows"]), found["measured"]) == (20, 30)


def test_whole_numbers_are_integers_in_worst_rows_and_slices():
    y = np.arange(60.0)
    y[10] = 200
    pipeline = held_out(LinearRegression(), y, task="regression").pipeline
    X, inputs = pandas.DataFrame({"x": np.arange(60.0)}), [{"name": "x", "type": "integer"}]
    measured = HeldOut(pipeline, X, y, inputs=inputs, task="regression")
    assert repr(worst_rows.section(measured)["rows"][0]["inputs"]) == "{'x': 10}"
    ends = [one["low"] for one in slices.section(measured)["slices"]]
    assert ends and all(type(end) is int for end in ends)


def test_of_classes_the_most_certain_wrong_predictions_come_first():
    y = np.where(np.arange(60) > 30, "high", "low")
    y[[4, 20]] = "high"
    measured = held_out(LogisticRegression(), y, task="classification")
    found = worst_rows.section(measured)
    probabilities = measured.pipeline.predict_proba(measured.X)
    assert [row["row"] for row in found["rows"][:2]] == [5, 21]
    assert found["rows"][0]["probability_of_actual"] == pytest.approx(probabilities[2, 0])
    assert found["rows"][0]["probability"] == pytest.approx(probabilities[2].max())
    assert found["rows"][0]["predicted"] == "low"
    assert found["wrong"] == (measured.pipeline.predict(measured.X) != measured.y).sum()


def test_rows_of_another_dataset_version_are_counted_from_its_first():
    y = np.arange(60.0)
    y[10] = 300
    found = worst_rows.section(held_out(LinearRegression(), y, task="regression", first_row=10))
    assert found["rows"][0]["row"] == 1


def test_a_model_without_errors_has_no_worst_rows():
    y = np.where(np.arange(60) > 30, "high", "low")
    y[30] = "high"
    assert worst_rows.section(held_out(LogisticRegression(), y, task="classification"))["rows"] == []


def test_long_texts_are_cut_and_only_the_first_inputs_are_kept():
    names = [f"c{number}" for number in range(50)]
    X = pandas.DataFrame({name: ["a" * 1000] * 4 for name in names})
    model = FunctionTransformer(lambda X: np.zeros((len(X), 1)))
    y = np.array([1.0, 2, 3, 5])
    pipeline = Pipeline([("columns", model), ("model", LinearRegression())]).fit(X, y)
    inputs = [{"name": name, "type": "text"} for name in names]
    found = worst_rows.section(HeldOut(pipeline, X, y, task="regression", inputs=inputs))
    assert len(found["rows"][0]["inputs"]) == worst_rows.MAX_INPUTS
    assert {len(text) for text in found["rows"][0]["inputs"].values()} == {worst_rows.MAX_TEXT}
