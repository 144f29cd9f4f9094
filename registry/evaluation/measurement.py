"""The metrics of a fitted pipeline on given rows. No Django models or settings."""

from typing import Protocol

import numpy as np
import pandas

from registry.evaluation import metrics


class Split(Protocol):
    """The rows that a pipeline was fitted on and those that were held out; for clustering both are all, without `y`."""

    train: pandas.DataFrame
    test: pandas.DataFrame
    y_train: np.ndarray | None
    y_test: np.ndarray | None


def evaluate(pipeline, split: Split, *, task: str, warnings: list[str]) -> dict:
    """The metrics of a fitted pipeline on the held-out rows; a clusterer's on all rows."""
    return measure(pipeline, split.test, split.y_test, task=task, warnings=warnings)


def measure(pipeline, X: pandas.DataFrame, y: np.ndarray | None, *, task: str, warnings: list[str]) -> dict:
    """The metrics of a fitted pipeline on these rows.

    Raises ValueError if a regressor has no finite prediction for any row; adds to `warnings` if some.
    """
    if task == "clustering":
        labels = getattr(pipeline["model"], "labels_", None)
        return metrics.clustering(
            pipeline["columns"].transform(X), pipeline.predict(X) if labels is None else labels
        )
    predicted = np.ravel(pipeline.predict(X))
    if task == "regression":
        is_finite = np.isfinite(predicted)
        if not is_finite.any():
            raise ValueError("it has no finite prediction for any test row")
        if not is_finite.all():
            missing = int((~is_finite).sum())
            warnings.append(
                f"{missing:,} of {len(predicted):,} test rows have no finite prediction; the metrics exclude them."
            )
        return metrics.regression(y[is_finite], predicted[is_finite])
    return metrics.classification(
        y, predicted, classes=pipeline.classes_.tolist(), scores=_scores(pipeline, X)
    )


def _scores(pipeline, X: pandas.DataFrame) -> np.ndarray | None:
    """The probabilities of the classes, else the values of the decision function, else None."""
    scorer = next((name for name in ("predict_proba", "decision_function") if hasattr(pipeline, name)), None)
    return getattr(pipeline, scorer)(X) if scorer else None
