"""Metrics of a fitted pipeline, JSON-safe: no numpy, and None for NaN and infinity."""

import math

import numpy as np

RESIDUAL_POINTS = 300
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
    points = np.unique(np.linspace(0, len(actual) - 1, min(len(actual), RESIDUAL_POINTS)).round().astype(int))
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
    """Metrics of clusters found in `values` (rows x numbers, as the model saw them); label -1 is noise.

    The scores leave noise out; they are None unless there are two clusters and more rows than clusters.
    """
    from sklearn import metrics

    labels = np.asarray(labels)
    clustered = labels != -1
    names, sizes = np.unique(labels[clustered], return_counts=True)
    kept, kept_labels = np.asarray(values)[clustered], labels[clustered]
    some = np.random.default_rng(0).permutation(len(kept))[:SILHOUETTE_ROWS]
    return json_safe(
        {
            "silhouette_score": _separation(metrics.silhouette_score, kept[some], kept_labels[some]),
            "davies_bouldin_score": _separation(metrics.davies_bouldin_score, kept, kept_labels),
            "n_clusters": len(names),
            "n_noise": len(labels) - len(kept),
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
    """Area under the ROC curve; for three or more classes each against the rest, weighted by class size.

    None where it is not defined: no scores, or a class that no row has.
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


def _separation(score, values: np.ndarray, labels: np.ndarray) -> float | None:
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return score(values, labels)
