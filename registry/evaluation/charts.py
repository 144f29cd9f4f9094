"""The figures and charts of a model version, scaled for the templates."""

import json

from mlplatform.number_formats import column_value
from mlplatform.number_formats import metric as metric_text
from mlplatform.plots import axes
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text
from registry.estimators.decision import TUNED_FOR
from registry.evaluation import baseline, definitions
from registry.models import Evaluation, ModelVersion

MAX_CLASSES = 30  # a larger matrix is not readable
# The metrics that pages show large, by task; the table has all.
FIGURES = {
    "classification": ("accuracy", "f1_score", "roc_auc", "log_loss"),
    "regression": ("r2", "rmse", "mae", "median_absolute_error"),
    "clustering": ("silhouette_score", "davies_bouldin_score", "n_clusters", "n_noise"),
}
AVERAGES = ("macro avg", "weighted avg")


def figures(model: ModelVersion) -> list[dict]:
    """The main metrics, in reading order, each with its explanation."""
    found = ((definitions.BY_NAME[name], model.metrics.get(name)) for name in FIGURES[model.task])
    return [
        {"label": metric.label, "value": value, "note": metric.explanation, "is_count": not metric.better}
        for metric, value in found
        if value is not None
    ]


def metric_rows(model: ModelVersion) -> list[dict]:
    """All metrics on the held-out rows with their interval, that of training rows and that of the baseline."""
    intervals, train, constant = (model.metrics.get(key) or {} for key in ("intervals", "train", "baseline"))
    return [
        {
            "metric": metric,
            "test": model.metrics[metric.name],
            "interval": intervals.get(metric.name),
            "train": train.get(metric.name),
            "baseline": constant.get(metric.name),
        }
        for metric in definitions.of_task(model.task)
        if model.metrics.get(metric.name) is not None
    ]


def evaluations(model: ModelVersion) -> list[dict]:
    """The latest evaluations on other data, each with the primary metric and its interval."""
    metric = definitions.primary(model.primary_metric, task=model.task)
    latest = model.evaluations.filter(kind=Evaluation.Kind.OTHER_DATA).with_metric(metric.name)[:20]
    return [
        {
            "job": evaluation,
            "label": metric.label,
            "value": evaluation.value,
            "interval": json.loads(evaluation.interval or "null"),
        }
        for evaluation in latest
    ]


def decision_sentence(model: ModelVersion) -> str:
    """How a binary classifier decides, if not by itself: "`yes` from a probability of 0.31, tuned for F1"."""
    decision = model.decision
    parts = []
    if "threshold" in decision:
        parts.append(f"`{decision['positive']}` from a probability of {decision['threshold']:.4g}")
    if "metric" in decision:
        parts.append(f"tuned for {TUNED_FOR[decision['metric']]}")
    if costs := decision.get("costs"):
        parts.append(f"tuned for costs of {costs['false_positive']:g} and {costs['false_negative']:g}")
    if "calibration" in decision:
        parts.append(f"{decision['calibration']} calibration")
    return ", ".join(parts)


def folds(model: ModelVersion) -> list[dict]:
    """Of each metric the mean over the folds, the standard deviation, the range, and the folds on one scale.

    Metrics that are shares have one scale, each other metric its own; `test` is the value on the test rows.
    """
    folds, mean, deviation = (model.metrics.get(key) or {} for key in ("folds", "folds_mean", "folds_std"))
    values = {
        metric.name: [fold[metric.name] for fold in folds]
        for metric in definitions.of_task(model.task)
        if metric.name in mean
    }
    tests = {name: model.metrics[name] for name in values if model.metrics.get(name) is not None}
    scales = {name: [*of_metric, tests.get(name)] for name, of_metric in values.items()}
    shares = [value for name in scales if definitions.BY_NAME[name].is_share for value in scales[name]]
    return [
        {
            "metric": definitions.BY_NAME[name],
            "mean": mean[name],
            "std": deviation[name],
            "low": min(of_metric),
            "high": max(of_metric),
            "dots": _on_scale(
                shares if definitions.BY_NAME[name].is_share else scales[name],
                of_metric,
                mean=mean[name],
                test=tests.get(name),
            ),
        }
        for name, of_metric in values.items()
    ]


def _on_scale(scale: list[float], values: list[float], *, mean: float, test: float | None) -> dict:
    """The values of the folds, their mean and the value of the test rows as positions from 0 to 100."""
    axis = axes.around(scale, "")
    return {
        "dots": [
            {"x": axis.share(value) * 100, "label": f"fold {number}: {metric_text(value)}"}
            for number, value in enumerate(values, 1)
        ],
        "mean": axis.share(mean) * 100,
        "test": None if test is None else axis.share(test) * 100,
    }


def baseline_label(model: ModelVersion) -> str:
    """What the baseline predicts, such as "the mean"; empty for a version without a baseline."""
    return baseline.LABELS.get((model.metrics.get("baseline") or {}).get("strategy"), "")


def confusion_matrix(model: ModelVersion) -> dict | None:
    """The confusion matrix as rows of cells, each with its count and its share of the row from 0 to 1."""
    matrix = model.metrics.get("confusion_matrix")
    if not matrix or len(matrix) > MAX_CLASSES:
        return None
    # Not those of the signature: a refit learns classes that were measured last, or not at all.
    labels = [
        _class_name(name, model) for name in list(model.metrics["classification_report"])[: len(matrix)]
    ]
    rows = [
        {
            "label": label,
            "cells": [{"count": count, "share": round(count / max(sum(counts), 1), 3)} for count in counts],
        }
        for label, counts in zip(labels, matrix, strict=True)
    ]
    return {"labels": labels, "rows": rows}


def _class_name(name: str, model: ModelVersion) -> str:
    """The name of a class of the stored report: `true` if the class is a boolean, as pages show booleans."""
    names = {str(one): column_value(one) for one in model.signature["classes"] or () if isinstance(one, bool)}
    return names.get(name, name)


def classification_report(model: ModelVersion) -> list[dict]:
    """The classification report: one row per class, then the averages."""
    by_class = model.metrics.get("classification_report") or {}
    names = [name for name, row in by_class.items() if isinstance(row, dict)]
    classes = [name for name in names if name not in AVERAGES]
    return [
        {
            "label": _class_name(name, model),
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


def residuals(model: ModelVersion) -> Plot | None:
    """Predicted against actual values of held-out rows, on one scale."""
    pairs = model.metrics.get("residuals")
    if not pairs or not pairs["actual"]:
        return None
    actual, predicted = pairs["actual"], pairs["predicted"]
    values = [*actual, *predicted]
    plot = Plot(
        "Predicted and actual",
        axes.around(values, f"actual {model.target}"),
        axes.around(values, f"predicted {model.target}"),
        f"Scatter plot of {len(actual)} of {model.rows_test} test rows. The closer to the line, the better.",
        table=Table(
            ["Actual", "Predicted"],
            [[text(actual[i]), text(predicted[i])] for i in spread(len(actual), TABLE_ROWS)],
        ),
    )
    plot.diagonal("exact")
    plot.dots(actual, predicted, "test row")
    return plot
