"""The figures and charts of a model version, scaled for the templates."""

from registry.models import ModelVersion

MAX_CLASSES = 30  # a larger matrix is not readable
FIGURES = (
    ("accuracy", "Accuracy", "share of test rows predicted correctly"),
    ("f1_score", "F1", "weighted by class size"),
    ("precision", "Precision", "weighted by class size"),
    ("recall", "Recall", "weighted by class size"),
    ("roc_auc", "ROC AUC", "0.5 is chance, 1 is perfect"),
    ("r2", "R²", "1 is perfect, 0 is the mean"),
    ("rmse", "RMSE", "in units of the target"),
    ("mae", "MAE", "in units of the target"),
    ("mse", "MSE", "in squared units of the target"),
    ("silhouette_score", "Silhouette", "from −1 to 1, higher is better"),
    ("davies_bouldin_score", "Davies–Bouldin", "from 0 up, lower is better"),
    ("n_clusters", "Clusters", ""),
    ("n_noise", "Noise", "rows in no cluster"),
)
COUNTS = {"n_clusters", "n_noise"}
AVERAGES = ("macro avg", "weighted avg")


def figures(metrics: dict) -> list[dict]:
    """The scalar metrics, in reading order."""
    return [
        {"label": label, "value": metrics[key], "note": note, "is_count": key in COUNTS}
        for key, label, note in FIGURES
        if metrics.get(key) is not None
    ]


def confusion_matrix(model: ModelVersion) -> dict | None:
    """The confusion matrix as rows of cells, each with its count and its share of the row from 0 to 1."""
    matrix = model.metrics.get("confusion_matrix")
    if not matrix or len(matrix) > MAX_CLASSES:
        return None
    labels = model.signature["classes"]
    rows = [
        {
            "label": label,
            "cells": [{"count": count, "share": round(count / max(sum(counts), 1), 3)} for count in counts],
        }
        for label, counts in zip(labels, matrix, strict=True)
    ]
    return {"labels": labels, "rows": rows}


def classification_report(model: ModelVersion) -> list[dict]:
    """The classification report: one row per class, then the averages."""
    by_class = model.metrics.get("classification_report") or {}
    names = [name for name, row in by_class.items() if isinstance(row, dict)]
    classes = [name for name in names if name not in AVERAGES]
    return [
        {
            "label": name,
            "is_average": name in AVERAGES,
            "precision": by_class[name]["precision"],
            "recall": by_class[name]["recall"],
            "f1": by_class[name]["f1-score"],
            "rows": int(by_class[name]["support"]),
        }
        for name in [*classes[:100], *(name for name in AVERAGES if name in by_class)]
    ]


def clusters(model: ModelVersion) -> list[dict]:
    """The largest clusters with their share of all rows."""
    sizes = model.metrics.get("cluster_sizes") or {}
    largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:MAX_CLASSES]
    return [
        {"label": f"cluster {name}", "count": size, "share": size / max(model.rows_train, 1)}
        for name, size in largest
    ]


def residuals(model: ModelVersion) -> dict | None:
    """Actual and predicted values of the held-out rows, scaled to a square of 0 to 100."""
    pairs = model.metrics.get("residuals")
    if not pairs or not pairs["actual"]:
        return None
    values = [*pairs["actual"], *pairs["predicted"]]
    low, high = min(values), max(values)
    span = (high - low) or 1

    def scaled(value: float) -> float:
        return round((value - low) / span * 100, 2)

    points = [
        {"x": scaled(actual), "y": scaled(predicted)}
        for actual, predicted in zip(pairs["actual"], pairs["predicted"], strict=True)
    ]
    return {"points": points, "low": low, "high": high, "line": {"x1": 0, "y1": 0, "x2": 100, "y2": 100}}
