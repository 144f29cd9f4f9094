"""The decision threshold and the calibration of binary classifiers."""

import pickle

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.estimators import decision
from tests.registry.training.tables import fit, refusal

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
