"""Fitting XGBoost and LightGBM on batches: the rows are in memory as the bins of their values only.

The estimator is fitted on a few rows as always, and its trees are then replaced by those of all rows: what else an
artifact has of it, such as its classes, is the library's own.
"""

from collections.abc import Callable

import numpy as np

from registry.estimators import wrappers
from registry.estimators.frameworks import early_stopping, extras, fitting
from registry.training.out_of_core.booster_rows import Rows
from registry.training.out_of_core.encoded_rows import EncodedRows
from registry.training.out_of_core.row_split import RowSplit

FEW_ROWS = 500  # of the first fit, and one more of each class


def fit(
    estimator, encoded: EncodedRows, split: RowSplit, *, seed: int | None, report: Callable[[float], None]
):
    """The estimator, fitted on all rows, inside the wrapper that it needs for its labels."""
    is_xgboost = extras.of_estimator(estimator).name == "xgboost"
    codes = None if split.classes is None else np.unique(split.y_train, return_inverse=True)[1]
    rows = Rows(encoded, split.y_train if codes is None else codes, _weights(estimator, split))
    model, fitted = _fitted_on_few(estimator, rows, split, is_xgboost=is_xgboost)
    rows.rounds = estimator.get_params().get("early_stopping_rounds")
    if rows.rounds:
        options = {"groups": split.groups, "is_in_time": split.is_in_time, "seed": seed}
        rows.parts = early_stopping.hold_out(codes, len(rows.y), **options)
    if is_xgboost:
        from registry.training.out_of_core import xgboost_trees as trees
    else:
        from registry.training.out_of_core import lightgbm_trees as trees
    fitted._Booster = trees.train(fitted, rows, report=report)
    fitting.settle(model)
    return model


def _fitted_on_few(estimator, rows: Rows, split: RowSplit, *, is_xgboost: bool):
    """The wrapper and the estimator in it, with one tree of some rows that have every class."""
    asked = estimator.get_params()
    names = {"n_estimators", "early_stopping_rounds"} & set(asked)
    few = np.sort(rows.encoded.order[:FEW_ROWS])
    if split.classes is not None:
        few = np.union1d(few, np.unique(rows.y, return_index=True)[1])
    model = wrappers.with_labels(estimator)
    once = {"n_estimators": 1, "early_stopping_rounds": None if is_xgboost else 0}
    estimator.set_params(**{name: once[name] for name in names})
    fitting.fit(model, _of_numbers(rows.encoded, few), split.labels(split.y_train[few]))
    [fitted] = wrappers.fitted(model)
    estimator.set_params(**{name: asked[name] for name in names})
    fitted.set_params(n_estimators=asked["n_estimators"])
    return model, fitted


def _weights(estimator, split: RowSplit) -> np.ndarray | None:
    """The weights of the rows times those of their classes, which LightGBM's interface multiplies itself."""
    class_weight = estimator.get_params().get("class_weight")
    if class_weight is None:
        return split.weights
    from sklearn.utils.class_weight import compute_class_weight

    codes, counts = np.unique(split.y_train, return_counts=True)
    labels = split.classes[codes]
    if class_weight == "balanced":
        weights = len(split.y_train) / (len(codes) * counts)
    else:
        weights = compute_class_weight(class_weight, classes=labels, y=labels)
    of_class = np.ones(len(split.classes))
    of_class[codes] = weights
    return of_class[split.y_train] * (1 if split.weights is None else split.weights)


def _of_numbers(encoded: EncodedRows, numbers: np.ndarray) -> np.ndarray:
    """Some training rows by their numbers, encoded."""
    found = np.empty((len(numbers), encoded.width), encoded.dtype)
    for in_batch, block in encoded:
        _, here, there = np.intersect1d(in_batch, numbers, assume_unique=True, return_indices=True)
        found[there] = block[here]
    return found
