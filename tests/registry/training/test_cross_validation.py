"""Folds, weights and the refit of a fit: what is measured, and what the pipeline is fitted on."""

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.estimators import wrappers
from registry.estimators.algorithms import find
from registry.training import validation
from registry.training.columns import feature_frame
from tests.registry.training.tables import (
    COLUMNS,
    ROWS,
    assert_json,
    classes,
    column,
    fit,
    numbers,
    refusal,
    table,
)

EXTRA = [column("day", "date"), column("weight", "number", True)]
DAYS = pandas.Series(pandas.date_range("2026-01-01", periods=ROWS).astype("datetime64[us]"))


def fit_weighted(weights, **options):
    frame = table().assign(day=DAYS, weight=weights)
    return fit(frame=frame, columns=[*COLUMNS, *EXTRA], sample_weight="weight", **options)


def test_each_fold_of_the_training_rows_is_measured_and_the_model_stays_the_same():
    plain, folded = fit(), fit(cv=3, cv_repeats=2)
    folds = folded.metrics["folds"]
    assert [fold["rows_train"] + fold["rows_test"] for fold in folds] == [21] * 6
    values = [fold["accuracy"] for fold in folds]
    assert folded.metrics["folds_mean"]["accuracy"] == pytest.approx(np.mean(values))
    assert folded.metrics["folds_std"]["accuracy"] == pytest.approx(np.std(values, ddof=1))
    assert {name: folded.metrics[name] for name in plain.metrics} == plain.metrics
    assert_json(folded)


def test_the_folds_of_a_split_by_time_are_in_its_order():
    frame = table().assign(day=DAYS, weight=1.0)
    split = {"method": "time", "column": "day"}
    result = fit(
        numbers(), "number", name="Ridge", frame=frame, columns=[*COLUMNS, *EXTRA], split=split, cv=3
    )
    assert [fold["rows_train"] for fold in result.metrics["folds"]] == [6, 11, 16]


def test_a_fold_that_learns_from_one_class_is_refused():
    frame = table().assign(day=DAYS, weight=1.0)
    y = classes().where(np.arange(ROWS) > 8, "cat")
    options = {"split": {"method": "time", "column": "day"}, "cv": 3, "features": ["size", "legs"]}
    code, sentence = refusal(y, frame=frame, columns=[*COLUMNS, *EXTRA], **options)
    assert (code, sentence) == ("cv", "All training rows of fold 1 have the same class; use fewer folds.")


def test_weights_count_in_the_fit_and_are_no_feature():
    only_dogs = fit_weighted((classes() == "dog").astype(float))
    predicted = only_dogs.pipeline.predict(
        feature_frame(table().assign(day=DAYS), only_dogs.signature["inputs"])
    )
    assert set(predicted) == {"dog"}
    assert "weight" not in only_dogs.signature["example"]


def test_weights_count_in_the_folds_and_in_the_refit():
    result = fit_weighted((classes() == "dog").astype(float), cv=2, refit=True)
    assert result.metrics["folds_mean"]["accuracy"] == pytest.approx(0.5, abs=0.1)
    assert set(result.pipeline.predict(result.held_out)) == {"dog"}


def test_rows_without_a_weight_are_excluded():
    result = fit_weighted(pandas.Series(1.0, range(ROWS)).where(np.arange(ROWS) > 2))
    assert result.warnings == ["3 rows without a value in `weight` were excluded."]


@pytest.mark.parametrize(
    ("weights", "sentence"), [(-1.0, "negative or infinite"), (np.inf, "negative"), (0.0, "is 0 in")]
)
def test_invalid_weights_are_refused(weights, sentence):
    with pytest.raises(ValidationError, match=sentence) as caught:
        fit_weighted(pandas.Series(weights, range(ROWS)))
    assert caught.value.code == "sample_weight"


def test_a_calibrated_model_is_measured_in_folds_with_weights_and_fitted_again():
    result = fit_weighted(
        pandas.Series(1.0, range(ROWS)), name="LogisticRegression", calibration="sigmoid", cv=2, refit=True
    )
    assert result.decision == {"calibration": "sigmoid"}
    assert len(result.metrics["folds"]) == 2


@pytest.mark.parametrize(
    "threshold", [0.3, {"metric": "balanced_accuracy"}, {"costs": {"false_positive": 1, "false_negative": 2}}]
)
@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_weights_count_in_the_fit_of_a_model_with_a_threshold(threshold, calibration):
    weights = pandas.Series(np.linspace(0.1, 5, ROWS))
    options = {"name": "LogisticRegression", "features": ["size", "legs"]}
    plain = fit_weighted(weights, **options)
    result = fit_weighted(weights, threshold=threshold, calibration=calibration, **options)
    [estimator] = wrappers.fitted(result.pipeline["model"])
    assert estimator.coef_.tolist() == plain.pipeline["model"].coef_.tolist()
    assert not hasattr(estimator, "_metadata_request")
    assert result.decision["positive"] == "dog"


def test_a_tuned_threshold_is_tuned_again_in_each_fold_and_kept_by_the_refit():
    frame = table().assign(size=(classes() == "dog") + np.linspace(0, 3, ROWS))
    options = {"frame": frame, "features": ["size"], "threshold": {"metric": "f1"}, "name": "GaussianNB"}
    plain, refitted = fit(**options), fit(**options, cv=2, refit=True)
    assert refitted.decision == plain.decision
    assert refitted.metrics["accuracy"] == plain.metrics["accuracy"]


def test_a_threshold_cannot_be_tuned_for_constant_probabilities():
    with pytest.raises(ValidationError, match=r"the same probability for every row.*Leave `threshold` out"):
        fit(
            frame=table().assign(size=1.0),
            features=["size"],
            threshold={"metric": "f1"},
            name="LogisticRegression",
        )


def test_a_refit_learns_from_all_rows_and_keeps_the_metrics_of_the_split():
    plain, refitted = fit(), fit(refit=True)
    assert refitted.metrics == plain.metrics
    assert (refitted.rows_train, refitted.rows_test) == (21, 9)
    assert (
        refitted.pipeline.predict(feature_frame(table(), refitted.signature["inputs"])) == classes()
    ).all()
    assert refitted.measured == plain.measured + " The model was then fitted again on all 30 rows."
    assert refitted.signature["inputs"][0]["max"] == table()["size"].max()


@pytest.mark.parametrize(
    ("cv", "repeats", "method", "task", "code"),
    [
        (1, 1, "random", "regression", "cv"),
        (11, 1, "random", "regression", "cv"),
        (3, 1, "random", "clustering", "cv"),
        (3, 11, "random", "regression", "cv_repeats"),
        (3, 2, "time", "regression", "cv_repeats"),
        (None, 2, "random", "regression", "cv_repeats"),
    ],
)
def test_folds_that_are_not_possible_are_refused(cv, repeats, method, task, code):
    with pytest.raises(ValidationError) as caught:
        validation.check_folds(cv, repeats, split={"method": method}, task=task)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "algorithm", "sentence"),
    [
        ("wieght", "Ridge", "did you mean `weight`"),
        ("answer", "Ridge", "is the target"),
        ("day", "Ridge", "has the type date"),
        ("weight", "KNeighborsRegressor", "does not support sample weights"),
        ("weight", "KMeans", "does not support sample weights"),
    ],
)
def test_a_column_that_cannot_be_the_weight_is_refused(name, algorithm, sentence):
    columns = [*EXTRA, column("answer", "number")]
    with pytest.raises(ValidationError, match=sentence) as caught:
        validation.check_weight_column(name, columns=columns, target="answer", algorithm=find(algorithm))
    assert caught.value.code == "sample_weight"


@pytest.mark.parametrize(("method", "task"), [("random", "clustering"), ("dataset_version", "regression")])
def test_a_model_that_is_fitted_on_all_rows_is_not_fitted_again(method, task):
    with pytest.raises(ValidationError) as caught:
        validation.check_refit(True, split={"method": method}, task=task)
    assert caught.value.code == "refit"
