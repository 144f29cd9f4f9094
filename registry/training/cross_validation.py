"""Cross-validation: the folds of the training rows, and the metrics on them. No Django models or settings."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators import decision
from registry.estimators.fold_splitters import splitter
from registry.evaluation import definitions, measurement, metrics
from registry.training.request import TrainingRequest
from registry.training.splits import Split

Folds = list[tuple[np.ndarray, np.ndarray]]


def folds_of(split: Split, request: TrainingRequest) -> Folds:
    """The folds that a request asks for; none without `cv`. Raises ValidationError (cv)."""
    if request.cv is None:
        return []
    return folds(
        split.y_train,
        task=request.task,
        cv=request.cv,
        repeats=request.cv_repeats,
        groups=split.groups,
        times=split.times,
        random_state=request.random_state,
    )


def measure(
    pipeline, split: Split, folds: Folds, *, task: str, progress: Callable[[float], None]
) -> dict[str, object]:
    """The metrics of the same pipeline fitted and measured on each fold: `folds`, and their mean and deviation.

    Raises ValidationError (cv) for a fold whose training rows have one class.
    """
    from sklearn.base import clone

    measured = []
    for number, (train, test) in enumerate(folds, 1):
        if task == "classification" and len(pandas.unique(split.y_train[train])) < 2:
            raise ValidationError(
                f"All training rows of fold {number} have the same class; use fewer folds.", code="cv"
            )
        fitted = clone(pipeline)
        split.fit(fitted, rows=train)
        fitted = decision.settle(fitted, rows=len(train))
        scores = measurement.predict(
            fitted, split.train.iloc[test], split.y_train[test], task=task, warnings=[]
        )
        values = metrics.json_safe(scores.values())
        measured.append({"rows_train": len(train), "rows_test": len(test), **definitions.numbers(values)})
        progress(number / len(folds))
    names = [name for name in measured[0] if all(name in fold for fold in measured)]
    table = pandas.DataFrame(measured)[names].drop(columns=["rows_train", "rows_test"])
    return {
        "folds": measured,
        "folds_mean": table.mean().to_dict(),
        "folds_std": table.std(ddof=1).to_dict(),
    }


def folds(
    y: np.ndarray,
    *,
    task: str,
    cv: int,
    repeats: int = 1,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
    random_state: int | None = None,
) -> Folds:
    """The positions of the training and the test rows of each fold: `cv` of them for each repeat.

    They are stratified by class for a classification; not if there are many groups, which makes them alike. With
    `groups` no group is on both sides of a fold. With `times` each fold is tested on the rows that follow its training
    rows (forward-chaining), in any order of `y`; rows of the same time are on one side. Raises ValidationError (cv) for
    too few rows, groups, times or rows of a class.
    """
    if times is not None:
        return _forward(np.asarray(times), cv)
    codes = np.unique(y, return_inverse=True)[1] if task == "classification" else np.zeros(len(y), int)
    _require(len(y), cv, "training rows")
    if groups is not None:
        groups = np.unique(groups, return_inverse=True)[1]
        _require(int(groups.max()) + 1, cv, "groups in the training rows")
    if task == "classification":
        _require(int(np.bincount(codes).max()), cv, "training rows of the largest class")
    seeds = np.random.default_rng(random_state).integers(2**32, size=repeats).tolist()
    splitters = [
        splitter(cv, is_stratified=task == "classification", groups=groups, seed=seed) for seed in seeds
    ]
    with warnings.catch_warnings():
        # Of a class with fewer rows than folds: some folds are measured without it.
        warnings.simplefilter("ignore", UserWarning)
        return [fold for splitter in splitters for fold in splitter.split(codes, codes, groups)]


def _forward(times: np.ndarray, cv: int) -> Folds:
    """Blocks of about the same number of rows, of which each but the first is tested after all before it."""
    distinct, codes, counts = np.unique(times, return_inverse=True, return_counts=True)
    _require(len(distinct), cv + 1, "distinct times in the training rows")
    shares = np.arange(1, cv + 1) / (cv + 1) * len(times)
    starts = np.searchsorted(np.cumsum(counts), shares) + 1
    for fold in range(1, cv):  # every block has a time of its own, even if most rows share one
        starts[fold] = max(starts[fold], starts[fold - 1] + 1)
    starts = np.minimum(starts, len(distinct) - cv + np.arange(cv))
    blocks = np.searchsorted(starts, codes, side="right")
    return [(np.flatnonzero(blocks < fold), np.flatnonzero(blocks == fold)) for fold in range(1, cv + 1)]


def _require(count: int, needed: int, what: str) -> None:
    if count < needed:
        raise ValidationError(
            f"The folds need at least {needed:,} {what}; there are {count:,}. Use fewer folds.", code="cv"
        )
