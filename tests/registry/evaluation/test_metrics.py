import json

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from registry.evaluation import metrics as module
from registry.evaluation.metrics import clustering, json_safe
from registry.evaluation.scores import ClassScores, NumberScores

TRUE = ["a", "a", "a", "b", "b", "b"]
PREDICTED = ["a", "a", "b", "b", "b", "a"]


def classification(*pair, **options):
    return module.classification(ClassScores(*pair, **options))


def regression(*pair):
    return module.regression(NumberScores(*pair))


def strict(value):
    return json.loads(json.dumps(value, allow_nan=False))


def test_classification_metrics_are_weighted_and_plain_json():
    metrics = classification(TRUE, PREDICTED, classes=["a", "b"])
    assert strict(metrics) == metrics
    for name in ("accuracy", "precision", "recall", "f1_score"):
        assert metrics[name] == pytest.approx(4 / 6)
    assert metrics["classification_report"]["a"]["support"] == 3


def test_the_confusion_matrix_has_true_classes_as_rows_in_the_given_order():
    metrics = classification(["b", "b", "a"], ["a", "b", "a"], classes=["b", "a"])
    assert metrics["confusion_matrix"] == [[1, 1], [0, 1]]


def test_roc_auc_of_two_classes_is_that_of_the_second():
    scores = np.array([0.1, 0.2, 0.6, 0.7, 0.8, 0.4])
    two_columns = classification(TRUE, PREDICTED, classes=["a", "b"], probabilities=np.c_[1 - scores, scores])
    one_column = classification(TRUE, PREDICTED, classes=["a", "b"], decision=scores)
    assert two_columns["roc_auc"] == one_column["roc_auc"]
    assert one_column["roc_auc"] == pytest.approx(roc_auc_score(np.array(TRUE) == "b", scores))


def test_roc_auc_of_three_classes_is_the_weighted_one_vs_rest_of_scikit_learn():
    X, y = (part[::5] for part in load_iris(return_X_y=True))
    model = LogisticRegression().fit(X[:, :1], y)
    scores = model.predict_proba(X[:, :1])
    metrics = classification(y, model.predict(X[:, :1]), classes=[0, 1, 2], probabilities=scores)
    assert metrics["roc_auc"] == pytest.approx(
        roc_auc_score(y, scores, multi_class="ovr", average="weighted")
    )


def test_roc_auc_is_none_without_scores_or_if_a_class_has_no_row():
    assert classification(TRUE, PREDICTED, classes=["a", "b"])["roc_auc"] is None
    scores = np.full((2, 3), 1 / 3)
    one_missing = classification(["a", "b"], ["a", "b"], classes=["a", "b", "c"], probabilities=scores)
    assert one_missing["roc_auc"] is None


def test_regression_metrics_are_plain_json_with_residuals():
    metrics = regression([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
    assert strict(metrics) == metrics
    assert metrics["mae"] == pytest.approx(2 / 3)
    assert metrics["mse"] == pytest.approx(4 / 3)
    assert metrics["rmse"] == pytest.approx((4 / 3) ** 0.5)
    assert metrics["r2"] == pytest.approx(-1)
    assert metrics["residuals"] == {"actual": [1, 2, 3], "predicted": [1, 2, 5]}


def test_residuals_are_a_fixed_sample_of_at_most_300_pairs():
    actual = np.arange(10_000.0)
    first, second = (regression(actual, actual + 1)["residuals"] for _ in range(2))
    assert first == second
    assert len(first["actual"]) == 300
    assert all(b - a == 1 for a, b in zip(first["actual"], first["predicted"], strict=True))


def test_cluster_scores_exclude_noise():
    values = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [50.0]])
    metrics = clustering(values, [0, 0, 0, 1, 1, -1])
    assert strict(metrics) == metrics
    assert metrics["silhouette_score"] > 0.9
    assert metrics["davies_bouldin_score"] < 0.1
    assert (metrics["n_clusters"], metrics["n_noise"]) == (2, 1)
    assert metrics["cluster_sizes"] == {"0": 3, "1": 2}


@pytest.mark.parametrize("labels", [[0, 0, 0], [-1, -1, -1], [0, 1, 2], [0, -1, -1]])
def test_clusters_that_cannot_be_compared_have_no_score(labels):
    metrics = clustering(np.eye(3), labels)
    assert metrics["silhouette_score"] is None
    assert metrics["davies_bouldin_score"] is None


def test_nan_and_numpy_values_become_plain_json():
    value = {"a": np.float64("nan"), 1: [np.int64(2), np.array([1.5, np.inf])], "b": (True, None)}
    assert json_safe(value) == {"a": None, "1": [2, [1.5, None]], "b": [True, None]}
