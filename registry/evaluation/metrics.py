"""Metrics of a fitted pipeline, JSON-safe: no numpy, and None for NaN and infinity."""

import math

import numpy as np

from registry.evaluation.row_samples import evenly_spaced
from registry.evaluation.scores import ClassScores, NumberScores

MAX_RESIDUALS = 300
SILHOUETTE_ROWS = 5_000  # the silhouette compares every pair of rows: 5,000 take about a second


def classification(scores: ClassScores) -> dict:
    """Metrics of predicted classes; precision, recall and f1_score are weighted by class size.

    `confusion_matrix` has true classes as rows and predicted ones as columns, in the order of the classes.
    """
    from sklearn import metrics

    codes = np.arange(scores.count)
    report = metrics.classification_report(
        scores.true,
        scores.predicted,
        labels=codes,
        target_names=[str(c) for c in scores.classes],
        output_dict=True,
        zero_division=0,
    )
    matrix = metrics.confusion_matrix(scores.true, scores.predicted, labels=codes)
    return json_safe(
        {**scores.values(), "classification_report": report, "confusion_matrix": matrix},
    )


def regression(scores: NumberScores) -> dict:
    """Metrics of predicted numbers, and at most 300 evenly spaced pairs of them as `residuals`."""
    points = evenly_spaced(len(scores), MAX_RESIDUALS)
    residuals = {"actual": scores.actual[points], "predicted": scores.predicted[points]}
    return json_safe({**scores.values(), "residuals": residuals})


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


def _cluster_score(score, values: np.ndarray, labels: np.ndarray) -> float | None:
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return score(values, labels)
