"""Metrics of a fitted pipeline, JSON-safe: no numpy, and None for NaN and infinity."""

import math

import numpy as np

MAX_RESIDUALS = 300
SILHOUETTE_ROWS = 5_000  # the silhouette compares every pair of rows: 5,000 take about a second


def classification(y_true, y_pred, *, classes: list, scores=None) -> dict:
    """Metrics of predicted classes; precision, recall and f1_score are weighted by class size.

    `scores` is predict_proba (rows x classes, in the order of `classes`) or a binary decision_function.
    `confusion_matrix` has true classes as rows and predicted ones as columns, in the order of `classes`.
    """
    from sklearn import metrics

    precision, recall, f1_score, _ = metrics.precision_recall_fscore_support(
        y_true, y_pred, average="weighted", zero_division=0
    )
    report = metrics.classification_report(
        y_true,
        y_pred,
        labels=classes,
        target_names=[str(c) for c in classes],
        output_dict=True,
        zero_division=0,
    )
    return json_safe(
        {
            "accuracy": metrics.accuracy_score(y_true, y_pred),
            "precision": precision,
            "recall": recall,
            "f1_score": f1_score,
            "roc_auc": _roc_auc(np.asarray(y_true), classes, scores),
            "classification_report": report,
            "confusion_matrix": metrics.confusion_matrix(y_true, y_pred, labels=classes),
        }
    )


def regression(y_true, y_pred) -> dict:
    """Metrics of predicted numbers, and at most 300 evenly spaced pairs of them as `residuals`."""
    from sklearn import metrics

    actual, predicted = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    mse = metrics.mean_squared_error(actual, predicted)
    points = np.unique(np.linspace(0, len(actual) - 1, min(len(actual), MAX_RESIDUALS)).round().astype(int))
    return json_safe(
        {
            "mae": metrics.mean_absolute_error(actual, predicted),
            "mse": mse,
            "rmse": math.sqrt(mse),
            "r2": metrics.r2_score(actual, predicted) if len(actual) > 1 else None,
            "residuals": {"actual": actual[points], "predicted": predicted[points]},
        }
    )


def clustering(values, labels) -> dict:
    """Metrics of clusters of `values` (rows x preprocessed features); label -1 is noise.

    The scores exclude noise; they are None without two clusters and more rows than clusters.
    """
    from sklearn import metrics

    labels = np.asarray(labels)
    is_clustered = labels != -1
    names, sizes = np.unique(labels[is_clustered], return_counts=True)
    X, clusters = np.asarray(values)[is_clustered], labels[is_clustered]
    sample = np.random.default_rng(0).permutation(len(X))[:SILHOUETTE_ROWS]
    return json_safe(
        {
            "silhouette_score": _cluster_score(metrics.silhouette_score, X[sample], clusters[sample]),
            "davies_bouldin_score": _cluster_score(metrics.davies_bouldin_score, X, clusters),
            "n_clusters": len(names),
            "n_noise": len(labels) - len(X),
            "cluster_sizes": {str(name): size for name, size in zip(names, sizes, strict=True)},
        }
    )


def json_safe(value: object) -> object:
    """`value` in plain Python types, at any depth; None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return json_safe(value.tolist())
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _roc_auc(y_true: np.ndarray, classes: list, scores) -> float | None:
    """Area under the ROC curve; for three or more classes one-vs-rest, weighted by class size.

    None if it is not defined: without scores, or if a class has no row.
    """
    from sklearn.metrics import roc_auc_score

    if scores is None or len(classes) < 2 or not np.isfinite(scores).all():
        return None
    sizes = [int((y_true == label).sum()) for label in classes]
    if 0 in sizes:
        return None
    scores = np.asarray(scores)
    if len(classes) == 2:
        return roc_auc_score(y_true == classes[1], scores if scores.ndim == 1 else scores[:, 1])
    if scores.ndim != 2 or scores.shape[1] != len(classes):
        return None
    areas = [roc_auc_score(y_true == label, scores[:, i]) for i, label in enumerate(classes)]
    return float(np.average(areas, weights=sizes))


def _cluster_score(score, values: np.ndarray, labels: np.ndarray) -> float | None:
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return score(values, labels)
