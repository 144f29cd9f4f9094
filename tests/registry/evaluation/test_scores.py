"""The metrics of weighted rows are those that scikit-learn gives for rows that are repeated as often."""

import numpy as np
import pytest
from sklearn import metrics

from registry.evaluation import intervals
from registry.evaluation.scores import ClassScores, NumberScores

RANDOM = np.random.default_rng(7)


def classified(classes: int, rows: int = 120):
    """Actual classes, probabilities with many equal ones, and weights from 0 to 3."""
    y = np.arange(rows) % classes
    scores = RANDOM.integers(1, 5, size=(rows, classes)) + 3 * np.eye(classes)[y]
    return y, scores / scores.sum(axis=1, keepdims=True), RANDOM.integers(0, 4, size=rows)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_metrics_of_classes_are_those_of_scikit_learn(classes):
    y, probabilities, weights = classified(classes)
    predicted = probabilities.argmax(axis=1)
    scores = ClassScores(y, predicted, classes=list(range(classes)), probabilities=probabilities)
    values = scores.values(weights.astype(float))
    y, predicted, probabilities = (part.repeat(weights, axis=0) for part in (y, predicted, probabilities))
    weighted = {"average": "weighted", "zero_division": 0}
    of_second = probabilities[:, 1] if classes == 2 else probabilities
    one_vs_rest = np.eye(classes)[y]
    expected = {
        "accuracy": metrics.accuracy_score(y, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, predicted),
        "precision": metrics.precision_score(y, predicted, **weighted),
        "recall": metrics.recall_score(y, predicted, **weighted),
        "f1_score": metrics.f1_score(y, predicted, **weighted),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, predicted),
        "roc_auc": metrics.roc_auc_score(y, of_second, multi_class="ovr", average="weighted"),
        "average_precision": metrics.average_precision_score(
            y if classes == 2 else one_vs_rest, of_second, average="weighted"
        ),
        "log_loss": metrics.log_loss(y, probabilities),
        "brier_score": metrics.brier_score_loss(y, probabilities),
    }
    if classes > 5:
        expected["top_3_accuracy"] = metrics.top_k_accuracy_score(y, probabilities, k=3)
    assert values == pytest.approx(expected, abs=1e-12)


def test_a_decision_function_ranks_but_has_no_probability():
    y = np.array(["a", "b"] * 10)
    decision = np.linspace(-1, 1, 20)
    values = ClassScores(y, y, classes=["a", "b"], decision=decision).values()
    assert values["roc_auc"] == metrics.roc_auc_score(y == "b", decision)
    assert "log_loss" not in values


@pytest.mark.parametrize("y", [np.array([1.0, 2, 2, -3, 5]), np.array([0.0, 0, 0, 0, 0])])
def test_the_metrics_of_numbers_are_those_of_scikit_learn(y):
    predicted, weights = np.array([1.0, 2.5, 1, -3, 9]), np.array([1, 2, 0, 3, 2])
    values = NumberScores(y, predicted, quantile=0.9).values(weights.astype(float))
    y, predicted = y.repeat(weights), predicted.repeat(weights)
    assert values["r2"] == pytest.approx(metrics.r2_score(y, predicted))
    assert values["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted))
    assert values["mae"] == pytest.approx(metrics.mean_absolute_error(y, predicted))
    assert values["median_absolute_error"] == metrics.median_absolute_error(y, predicted)
    assert values["quantile_loss"] == pytest.approx(metrics.mean_pinball_loss(y, predicted, alpha=0.9))
    if y.all():
        assert values["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(y, predicted))


def test_mape_is_not_defined_for_an_actual_value_of_zero_and_smape_is():
    values = NumberScores([0, 0, 2], [0, 1, 2]).values()
    assert "mape" not in values
    assert values["smape"] == pytest.approx(2 / 3)


def test_a_resample_of_equal_values_has_no_variance():
    low, high = intervals.bootstrap(NumberScores([0.1, 0.7, 1.3], [0.15, 0.75, 1.35]))["r2"]
    assert 0 <= low < high < 1
