"""The metrics of a fitted pipeline on given rows, with their intervals and a baseline. No Django models or settings."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas

from registry.evaluation import baseline, definitions, intervals, metrics
from registry.evaluation.row_samples import at_random
from registry.evaluation.scores import ClassScores, NumberScores, Scores

# The training rows that are predicted for `train`: no more than this, and than there are test rows.
MAX_TRAINING_ROWS = 10_000
MIN_TRAINING_ROWS = 1_000


class Split(Protocol):
    """The rows that a pipeline was fitted on and those that were held out; for clustering both are all, without `y`."""

    train: pandas.DataFrame
    test: pandas.DataFrame
    y_train: np.ndarray | None
    y_test: np.ndarray | None


def evaluate(
    pipeline,
    split: Split,
    *,
    task: str,
    warnings: list[str],
    by_time: bool = False,
    groups: np.ndarray | None = None,
    scores: Scores | None = None,
    y_baseline: np.ndarray | None = None,
) -> dict:
    """The metrics of a fitted pipeline on the held-out rows, of which `scores` are the predictions if they are known; a
    clusterer's on all rows.

    `intervals` has the 95 % interval of each metric, `train` the metrics on training rows, and `baseline` those of a
    constant prediction, with its `strategy`: see baseline.predict(). `groups` are those of the held-out rows, if they
    were split by group. `y_baseline` are all training targets, if the split has only some. Raises
    what measure() raises.
    """
    if task == "clustering":
        return measure(pipeline, split.test, None, task=task, warnings=warnings)
    if scores is None:
        scores = predict(pipeline, split.test, split.y_test, task=task, warnings=warnings)
    rows = _training_rows(len(split.y_train), len(split.y_test))
    train = predict(pipeline, split.train.iloc[rows], split.y_train[rows], task=task, warnings=[])
    y_baseline = split.y_train if y_baseline is None else y_baseline
    strategy, constant = baseline.predict(pipeline, y_baseline, scores, by_time=by_time)
    return _described(scores) | metrics.json_safe(
        {
            "intervals": intervals.bootstrap(scores, groups if len(scores) == len(split.y_test) else None),
            "train": definitions.numbers(train.values()),
            "baseline": {"strategy": strategy, **definitions.numbers(constant.values())},
        }
    )


def predict_and_evaluate(
    pipeline, split: Split, *, task: str, warnings: list[str], **options
) -> tuple[Scores | None, dict]:
    """The predictions for the held-out rows, None of a clusterer, and what evaluate() returns with these options."""
    scores = None
    if task != "clustering":
        scores = predict(pipeline, split.test, split.y_test, task=task, warnings=warnings)
    return scores, evaluate(pipeline, split, task=task, warnings=warnings, scores=scores, **options)


def remeasure(pipeline, X: pandas.DataFrame, y: np.ndarray | None, *, task: str, warnings: list[str]) -> dict:
    """The metrics of a fitted pipeline on rows of other data, with their intervals. Raises what predict() raises."""
    if task == "clustering":
        return metrics.clustering(pipeline["columns"].transform(X), pipeline.predict(X))
    scores = predict(pipeline, X, y, task=task, warnings=warnings)
    return _described(scores) | metrics.json_safe({"intervals": intervals.bootstrap(scores)})


def measure(
    pipeline,
    X: pandas.DataFrame,
    y: np.ndarray | None,
    *,
    task: str,
    warnings: list[str],
    labels: np.ndarray | None = None,
) -> dict:
    """The metrics of a fitted pipeline on these rows. Raises what predict() raises.

    `labels` are the clusters of these rows; without them, `X` must be all rows that a clusterer was fitted on.
    """
    if task == "clustering":
        if labels is None:
            labels = getattr(pipeline["model"], "labels_", None)
        return metrics.clustering(
            pipeline["columns"].transform(X), pipeline.predict(X) if labels is None else labels
        )
    return _described(predict(pipeline, X, y, task=task, warnings=warnings))


@dataclass(frozen=True)
class Outputs:
    """What a classifier or regressor returns for some rows: the predictions and, if the classifier has any, the
    probabilities, or else the values of the decision function."""

    predicted: np.ndarray
    values: np.ndarray | None = None
    is_probability: bool = False

    @classmethod
    def of(cls, pipeline, X: pandas.DataFrame, *, task: str) -> "Outputs":
        if len(pipeline) > 1:  # once for the classes and their probabilities
            pipeline, X = pipeline[-1:], pipeline[:-1].transform(X)
        predicted = np.ravel(pipeline.predict(X))
        scorers = ("predict_proba", "decision_function") if task == "classification" else ()
        scorer = next((name for name in scorers if hasattr(pipeline, name)), None)
        values = getattr(pipeline, scorer)(X) if scorer else None
        return cls(predicted, values, scorer == "predict_proba")


def predict(pipeline, X: pandas.DataFrame, y: np.ndarray, *, task: str, warnings: list[str]) -> Scores:
    """The predictions of a fitted classifier or regressor for these rows, with the actual values.

    Raises what scores_of() raises, and adds to `warnings` what it adds.
    """
    return scores_of(Outputs.of(pipeline, X, task=task), pipeline, y, task=task, warnings=warnings)


def scores_of(outputs: Outputs, pipeline, y: np.ndarray, *, task: str, warnings: list[str]) -> Scores:
    """What the pipeline has returned for some rows, with their actual values.

    A class that no training row has comes after those of the classifier, and has the probability 0.

    Raises ValueError if a regressor has no finite prediction for any row; adds to `warnings` if some.
    """
    predicted, values, is_probability = outputs.predicted, outputs.values, outputs.is_probability
    if task == "classification":
        classes = pipeline.classes_.tolist()
        unseen = sorted(set(pandas.unique(y).tolist()) - set(classes))
        if unseen and is_probability:
            values = np.hstack([values, np.zeros((len(values), len(unseen)))])
        return ClassScores(
            y,
            predicted,
            classes=[*classes, *unseen],
            probabilities=values if is_probability else None,
            decision=None if is_probability else values,
        )
    is_finite = np.isfinite(predicted)
    if not is_finite.any():
        raise ValueError("it has no finite prediction for any test row")
    if not is_finite.all():
        missing = int((~is_finite).sum())
        warnings.append(
            f"{missing:,} of {len(predicted):,} test rows have no finite prediction; the metrics exclude them."
        )
    quantile = baseline.predicted_quantile(pipeline["model"])
    return NumberScores(y[is_finite], predicted[is_finite], quantile=quantile)


def _described(scores: Scores) -> dict:
    is_classification = isinstance(scores, ClassScores)
    return metrics.classification(scores) if is_classification else metrics.regression(scores)


def _training_rows(train: int, test: int) -> np.ndarray:
    """Positions of a sample of the training rows: predicting them costs no more than predicting the test rows."""
    return at_random(train, min(MAX_TRAINING_ROWS, max(test, MIN_TRAINING_ROWS)))
