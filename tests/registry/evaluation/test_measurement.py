"""evaluate(): the metrics of the held-out rows beside those of training rows and of a constant."""

from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from registry.evaluation import definitions, measurement


def evaluated(estimator, y, task, **options):
    """The last third of the rows is held out."""
    y = np.asarray(y)
    X, cut = pandas.DataFrame({"x": np.arange(len(y), dtype=float)}), len(y) * 2 // 3
    split = SimpleNamespace(train=X[:cut], test=X[cut:], y_train=y[:cut], y_test=y[cut:])
    pipeline = make_pipeline(estimator)
    pipeline.steps = [("model", estimator)]
    pipeline.fit(split.train, split.y_train)
    return measurement.evaluate(pipeline, split, task=task, warnings=[], **options)


def test_a_tree_that_memorises_is_perfect_on_training_rows_only():
    y = np.random.default_rng(0).permutation(["a", "b"] * 45)
    measured = evaluated(DecisionTreeClassifier(), y, "classification")
    assert measured["train"]["accuracy"] == 1
    assert measured["accuracy"] < 0.8
    low, high = measured["intervals"]["accuracy"]
    assert low < measured["accuracy"] < high


def test_the_baseline_of_a_classifier_is_the_most_frequent_class_of_the_training_rows():
    measured = evaluated(LogisticRegression(), ["a", "a", "b"] * 10, "classification")
    assert measured["baseline"]["strategy"] == "most_frequent"
    assert measured["baseline"]["accuracy"] == 0.6
    assert measured["baseline"]["roc_auc"] == 0.5


@pytest.mark.parametrize(
    ("estimator", "options", "strategy", "value"),
    [
        (LinearRegression(), {}, "mean", 26),
        (QuantileRegressor(quantile=0.75, alpha=0), {}, "quantile", 26.5),
        (DecisionTreeRegressor(criterion="absolute_error"), {}, "median", 1.5),
        (LinearRegression(), {"by_time": True}, "last", 100),
    ],
)
def test_the_baseline_of_a_regressor_suits_what_it_predicts(estimator, options, strategy, value):
    measured = evaluated(estimator, [1, 2, 1, 100, 0, 0], "regression", **options)
    assert measured["baseline"]["strategy"] == strategy
    assert measured["baseline"]["mae"] == value
    assert ("quantile_loss" in measured) == (strategy == "quantile")


def test_every_number_that_is_measured_has_a_definition():
    measured = evaluated(LogisticRegression(), ["a", "a", "b"] * 10, "classification")
    others = set(measured) - set(definitions.numbers(measured))
    assert others == {"classification_report", "confusion_matrix", "intervals", "train", "baseline"}
