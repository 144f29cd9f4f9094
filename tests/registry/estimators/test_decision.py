"""The decision threshold and the calibration of binary classifiers."""

import math
import pickle

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.estimators import decision
from registry.estimators.fold_splitters import GroupFolds
from tests.registry.training.tables import column, fit, refusal, table

NAIVE = {"name": "GaussianNB"}


@pytest.mark.parametrize(
    "threshold", [None, 0.2, {"metric": "f1"}, {"costs": {"false_positive": 1, "false_negative": 5}}]
)
def test_a_number_a_metric_or_costs_are_a_threshold(threshold):
    decision.check_threshold(threshold, task="classification")


@pytest.mark.parametrize(
    "threshold",
    [
        *(0, 1, True, "0.5", [0.5], float("nan"), 10**400, {}),
        *({"metric": "recall"}, {"metric": ["f1"]}, {"metric": "f1", "costs": {}}),
        *(
            {"costs": {"false_positive": 1}},
            {"costs": {"false_positive": -1, "false_negative": 1}},
            {"costs": 3},
        ),
    ],
)
def test_nothing_else_is_a_threshold(threshold):
    with pytest.raises(ValidationError) as caught:
        decision.check_threshold(threshold, task="classification")
    assert caught.value.code == "threshold"


def test_only_classifiers_have_a_threshold_or_a_calibration():
    for check, value in ((decision.check_threshold, 0.5), (decision.check_calibration, "sigmoid")):
        with pytest.raises(ValidationError, match="Only classifiers"):
            check(value, task="regression")


def test_the_threshold_decides_and_is_recorded():
    result = fit(threshold=0.9, **NAIVE)
    held_out = result.held_out
    probabilities = result.pipeline.predict_proba(held_out)[:, 1]
    assert (result.pipeline.predict(held_out) == np.where(probabilities >= 0.9, "dog", "cat")).all()
    assert result.decision == {"threshold": 0.9, "positive": "dog"}


def test_missing_a_class_that_costs_more_lowers_its_threshold():
    random = np.random.default_rng(0)
    y = pandas.Series(random.choice(["cat", "dog"], 30), dtype="str")
    cheap, dear = (
        fit(y=y, threshold={"costs": {"false_positive": 1, "false_negative": cost}}, **NAIVE).decision[
            "threshold"
        ]
        for cost in (0.05, 20)
    )
    assert dear < cheap


def test_of_thresholds_that_are_about_as_good_as_the_best_the_middle_is_used():
    results = {
        "thresholds": np.linspace(0, 1, 11),
        "scores": np.array([0, 9, 8.9, 8.9, 1, 8.9, 0, 0, 0, 0, 0]),
    }
    assert decision._best_threshold(results, rows=100) == pytest.approx(0.2)


def test_a_tuned_threshold_is_fixed_in_an_artifact_without_this_code():
    result = fit(
        threshold={"costs": {"false_positive": 1, "false_negative": 2}}, calibration="sigmoid", **NAIVE
    )
    assert type(result.pipeline["model"]).__name__ == "FixedThresholdClassifier"
    assert b"registry" not in pickle.dumps(result.pipeline)
    assert result.decision["calibration"] == "sigmoid"
    assert "var_smoothing" in result.parameters


def test_three_classes_have_no_threshold():
    y = pandas.Series(["cat", "dog", "cow"] * 10, dtype="str")
    assert refusal(y=y, threshold=0.3) == (
        "not_binary",
        "A threshold needs two classes; the target has 3. Leave it out.",
    )


def test_an_estimator_without_probabilities_needs_a_calibration_for_a_threshold():
    code, sentence = refusal(name="LinearSVC", threshold=0.3)
    assert code == "no_probabilities"
    assert "Add a calibration" in sentence
    assert fit(name="LinearSVC", threshold=0.3, calibration="sigmoid").signature["probabilities"]


def grouped(kind="group"):
    """200 groups (or days) of 4 almost equal rows with one target each, which nothing predicts."""
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(200), 4)
    features = random.normal(size=(200, 3))[group] + random.normal(size=(800, 3)) * 0.01
    day = pandas.Series(pandas.Timestamp("2026-01-01") + pandas.to_timedelta(group, "D"))
    frame = pandas.DataFrame(features, columns=list("abc"))
    frame["key"] = group if kind == "group" else day.astype("datetime64[us]")
    columns = [*(column(name, "number") for name in "abc"), column("key", KEYS[kind])]
    return {
        "y": pandas.Series(np.where((random.random(200) < 0.5)[group], "yes", "no"), dtype="str"),
        "frame": frame,
        "columns": columns,
        "features": ["a", "b", "c"],
        "split": {"method": kind, "column": "key"},
        "name": "KNeighborsClassifier",
        "params": {"n_neighbors": 3},
    }


KEYS = {"group": "integer", "time": "date"}


@pytest.mark.parametrize("kind", KEYS)
def test_a_calibration_holds_groups_and_times_together_so_that_it_is_not_too_sure(kind):
    result = fit(**grouped(kind), calibration="sigmoid", refit=True)
    assert result.metrics["log_loss"] == pytest.approx(math.log(2), abs=0.1)  # 2.4 in folds of any rows
    assert b"GroupFolds" not in pickle.dumps(result.pipeline)
    of_all = result.pipeline.predict_proba(grouped(kind)["frame"])
    assert of_all.max() < 0.8  # the refit holds the groups of all rows together


def test_a_threshold_of_calibrated_probabilities_is_tuned_in_folds_of_whole_groups_within_each_fold():
    result = fit(**grouped(), calibration="sigmoid", threshold={"metric": "balanced_accuracy"}, cv=2)
    assert result.metrics["log_loss"] == pytest.approx(math.log(2), abs=0.1)
    assert b"GroupFolds" not in pickle.dumps(result.pipeline)
    assert len(result.metrics["folds"]) == 2


def test_no_fold_divides_a_group_also_within_the_training_rows_of_a_fold():
    y, groups = np.tile([0, 1, 1], 40), np.arange(120) // 4
    folds = GroupFolds(y, groups, folds=3, is_nested=True, seed=0)
    for train, test in folds.split(None, y):
        assert not set(groups[train]) & set(groups[test])
        inner = list(folds.split(None, y[train]))
        assert sorted(np.concatenate([rows for _, rows in inner])) == list(range(len(train)))
        assert not any(set(groups[train][one]) & set(groups[train][other]) for one, other in inner)


def test_a_class_of_one_group_cannot_be_calibrated_with_groups_held_together():
    options = grouped()
    options["y"] = pandas.Series(np.where(options["frame"]["key"] == 7, "yes", "no"), dtype="str")
    options["y"][:5] = "yes"
    options["frame"].loc[:4, "key"] = 7
    code, sentence = refusal(**options, calibration="sigmoid", random_state=3)
    assert (code, "of each group together" in sentence) == ("calibration", True)


def test_the_folds_of_a_calibration_fit_the_rows_of_each_outer_fold():
    y = pandas.Series(["dog" if row % 12 == 0 else "cat" for row in range(60)], dtype="str")
    result = fit(y, frame=table(60), calibration="sigmoid", cv=3, test_size=0.2, **NAIVE)
    assert len(result.metrics["folds"]) == 3  # of the four dogs, some have only two


def test_rows_of_a_few_dates_are_divided():
    options = grouped("time")
    options["frame"]["key"] = options["frame"]["key"].dt.floor("50D")
    result = fit(**options, calibration="sigmoid", cv=2)
    assert len(result.metrics["folds"]) == 2
