"""What the pictures of a model version's page are drawn from: plain numbers, drawn by the templates."""

from registry.models import ModelVersion

MOST_CLASSES = 30  # a larger matrix is not a picture any more


def confusion(model: ModelVersion) -> dict | None:
    """The confusion matrix as rows of cells, each with its count and its share of the row from 0 to 1."""
    matrix = model.metrics.get("confusion_matrix")
    if not matrix or len(matrix) > MOST_CLASSES:
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


def residuals(model: ModelVersion) -> dict | None:
    """Actual against predicted values of the held-out rows, scaled to a square of 0 to 100."""
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
