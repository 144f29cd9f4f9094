import time

import numpy as np
import pandas
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from registry.diagnostics import build, curves, worst_rows
from registry.diagnostics.held_out import MAX_ROWS, HeldOut
from registry.evaluation import measurement

ROWS = MAX_ROWS + 1_000
X = pandas.DataFrame({"size": np.arange(ROWS, dtype=float)})
INPUTS = [{"name": "size", "type": "number"}]


class CountingScaler(StandardScaler):
    """Counts the rows that are predicted."""

    rows = 0

    def transform(self, X, copy=None):
        self.rows += len(X)
        return super().transform(X, copy)


def sampled(model, y, task):
    """The counting scaler, the diagnosed sample with the known scores, and one that is predicted again."""
    pipeline = Pipeline([("columns", CountingScaler()), ("model", model)]).fit(X, y)
    known = measurement.predict(pipeline, X, y, task=task, warnings=[])
    fields = {"task": task, "inputs": INPUTS}
    again = HeldOut.sampled(pipeline, X, y, **fields)
    assert len(again.scores) == MAX_ROWS
    pipeline["columns"].rows = 0
    return pipeline["columns"], HeldOut.sampled(pipeline, X, y, known_scores=known, **fields), again


def test_a_sample_of_many_classified_rows_is_not_predicted_again():
    y = np.where(X["size"] % 3 == 0, "a", "b")
    counter, held_out, again = sampled(LogisticRegression(), y, "classification")
    assert worst_rows.section(held_out) == worst_rows.section(again)
    assert curves.measure(held_out)["curves"][0]["auc"] == curves.measure(again)["curves"][0]["auc"]
    assert (held_out.scores.probabilities == again.scores.probabilities).all()
    assert counter.rows == 0


def test_a_sample_of_many_predicted_numbers_is_not_predicted_again():
    counter, held_out, again = sampled(LinearRegression(), X["size"].to_numpy() ** 2, "regression")
    assert held_out.scores.values() == pytest.approx(again.scores.values())
    assert counter.rows == 0


def test_a_sample_is_predicted_again_if_some_prediction_is_unknown():
    y = X["size"].to_numpy()
    pipeline = Pipeline([("columns", StandardScaler()), ("model", LinearRegression())]).fit(X, y)
    known = measurement.predict(pipeline, X[1:], y[1:], task="regression", warnings=[])
    held_out = HeldOut.sampled(pipeline, X, y, task="regression", inputs=INPUTS, known_scores=known)
    assert held_out.known_scores is None
    assert len(held_out.scores) == MAX_ROWS


def test_the_diagnostics_take_a_share_of_the_fit_but_end_with_a_time_budget():
    assert build.limit_s(1_000) == 150
    assert build.limit_s(1) == build.MIN_S
    assert build.limit_s(1_000, until=time.monotonic() + 60) < 61
    assert build.limit_s(1_000, until=time.monotonic() - 60) == build.LEAST_S
