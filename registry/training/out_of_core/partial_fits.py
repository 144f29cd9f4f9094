"""Fitting scikit-learn's incremental estimators by `partial_fit`, in passes over the encoded rows."""

import logging
from collections.abc import Callable

import numpy as np

from registry.training.out_of_core.encoded_rows import EncodedRows
from registry.training.out_of_core.row_split import RowSplit

SCORED_ROWS = 10_000  # training rows by which a fit stops
USUAL_PASSES = 10  # for the progress: most fits stop long before max_iter
# They sum up what they see: a second pass would count the rows twice.
ONE_PASS = {"GaussianNB", "MultinomialNB", "BernoulliNB", "ComplementNB"}
MIN_GAIN, PATIENCE = 1e-3, 2  # of those without such parameters

logger = logging.getLogger(__name__)


def fit(estimator, encoded: EncodedRows, split: RowSplit, *, report: Callable[[float], None]) -> int:
    """Fit an estimator on batches of all rows until its score on some of them does not improve; returns the passes.

    As in scikit-learn's own fits, at most `max_iter` passes, and until the score has not improved by `tol` for
    `n_iter_no_change` passes. The class weight "balanced", which `partial_fit` does not know, is that of all rows.
    """
    params = estimator.get_params(deep=False)
    most = 1 if type(estimator).__name__ in ONE_PASS else params.get("max_iter", USUAL_PASSES)
    patience = params.get("n_iter_no_change") or PATIENCE
    gain = MIN_GAIN if split.y_train is None else params.get("tol", MIN_GAIN)  # with None it never stops
    balanced = params.get("class_weight") == "balanced"
    if balanced:
        estimator.set_params(class_weight=_balanced(split))
    best, waited, passes = -np.inf, 0, 0
    while passes < most:
        _one_pass(estimator, encoded, split, is_first=not passes, report=_share(report, passes, most))
        passes += 1
        if passes == most:
            break
        score = _score(estimator, encoded, split)
        logger.info("pass %d: score %.5g on training rows", passes, score)
        if gain is None:
            continue
        scale = abs(best) if split.y_train is None and passes > 1 else 1
        waited = 0 if score > best + gain * scale else waited + 1
        best = max(best, score)
        if waited >= patience:
            break
    if balanced:
        estimator.set_params(class_weight="balanced")
    if hasattr(estimator, "labels_"):
        del estimator.labels_  # those of the last batch
    return passes


def _one_pass(estimator, encoded, split: RowSplit, *, is_first: bool, report) -> None:
    for done, (numbers, block) in enumerate(encoded, 1):
        arguments = {}
        if split.weights is not None:
            arguments["sample_weight"] = split.weights[numbers]
        if split.classes is not None and is_first and done == 1:
            arguments["classes"] = split.classes[np.unique(split.y_train)]
        y = () if split.y_train is None else (split.labels(split.y_train[numbers]),)
        estimator.partial_fit(block, *y, **arguments)
        report(done / len(encoded))


def _share(report: Callable[[float], None], passes: int, most: int) -> Callable[[float], None]:
    expected = min(most, max(USUAL_PASSES, passes + 1))
    return lambda share: report((passes + share) / expected)


def _score(estimator, encoded: EncodedRows, split: RowSplit) -> float:
    """The score on the first rows of the file, which are drawn at random; of a clusterer minus the mean distance."""
    stop = min(SCORED_ROWS, encoded.count)
    block, numbers = encoded.read(0, stop), encoded.order[:stop]
    if split.y_train is None:
        return float(estimator.score(block)) / stop
    return float(estimator.score(block, split.labels(split.y_train[numbers])))


def _balanced(split: RowSplit) -> dict:
    codes, counts = np.unique(split.y_train, return_counts=True)
    weights = len(split.y_train) / (len(codes) * counts)
    return dict(zip(split.classes[codes].tolist(), weights.tolist(), strict=True))
