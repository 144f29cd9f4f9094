"""The baseline of a model: the constant that is predicted without looking at any column."""

import numpy as np

from registry.evaluation.scores import ClassScores, NumberScores

# What is predicted, by the name of the strategy.
LABELS = {
    "most_frequent": "the most frequent class",
    "mean": "the mean",
    "median": "the median",
    "quantile": "the same quantile",
    "last": "the last value",
}
ABSOLUTE_ERRORS = {
    "absolute_error",
    "epsilon_insensitive",
    "reg:absoluteerror",
    "regression_l1",
    "mae",
    "MAE",
}


def predict(
    pipeline, y_train: np.ndarray, scores: ClassScores | NumberScores, *, by_time: bool
) -> tuple[str, ClassScores | NumberScores]:
    """The strategy, and its predictions for the rows of `scores`.

    A class is predicted with the shares of the classes in training as probabilities. A number is the mean, the quantile
    that the estimator predicts, the median if it minimises absolute errors, or the last of rows in the order of time.
    """
    count = len(scores)
    if isinstance(scores, ClassScores):
        shares = np.array([np.count_nonzero(y_train == label) for label in scores.classes]) / len(y_train)
        actual = [scores.classes[code] for code in scores.true]
        predicted = [scores.classes[shares.argmax()]] * count
        probabilities = np.broadcast_to(shares, (count, len(shares)))
        return "most_frequent", ClassScores(
            actual, predicted, classes=scores.classes, probabilities=probabilities
        )
    strategy, value = _number(pipeline["model"], np.asarray(y_train, dtype=float), by_time=by_time)
    quantile = predicted_quantile(pipeline["model"])
    return strategy, NumberScores(scores.actual, np.full(count, value), quantile=quantile)


def predicted_quantile(estimator) -> float | None:
    """The quantile that a regressor predicts, or None if it predicts a mean or the like."""
    params = estimator.get_params(deep=False)
    if "quantile" in {params.get("loss"), params.get("objective")}:
        value = params.get("quantile", params.get("alpha"))
    else:
        value = params.get("quantile") if type(estimator).__name__ == "QuantileRegressor" else None
    return None if value is None else float(value)


def _number(estimator, y: np.ndarray, *, by_time: bool) -> tuple[str, float]:
    if by_time:
        return "last", y[-1]
    if (quantile := predicted_quantile(estimator)) is not None:
        return "quantile", np.quantile(y, quantile)
    params = estimator.get_params(deep=False)
    objectives = {str(params.get(name)) for name in ("loss", "criterion", "objective")}
    return ("median", np.median(y)) if objectives & ABSOLUTE_ERRORS else ("mean", y.mean())
