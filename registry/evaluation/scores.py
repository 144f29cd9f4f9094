"""Predictions and actual values, reduced to what their metrics need for any weights of the rows.

With weights of 1 the metrics are those of scikit-learn; the weights of a bootstrap are how often it draws each row.
"""

import math

import numpy as np
import pandas

from registry.estimators import threads
from registry.evaluation.definitions import TOP_K, TOP_K_ABOVE

ROUNDING = 1e-13  # of a variance, relative to the mean square it is computed from


class ClassScores:
    """Predicted classes, with the probabilities or the decision function if there are any."""

    def __init__(
        self,
        y_true,
        y_pred,
        *,
        classes: list,
        probabilities: np.ndarray | None = None,
        decision: np.ndarray | None = None,
    ):
        """`probabilities` and a decision function of three or more classes are (rows, classes), in their order."""
        self.classes, self.count = classes, len(classes)
        self.true = np.asarray(pandas.Categorical(y_true, categories=classes).codes, dtype=np.intp)
        self.predicted = np.asarray(pandas.Categorical(y_pred, categories=classes).codes, dtype=np.intp)
        finite = [
            None if s is None or not np.isfinite(s).all() else np.asarray(s)
            for s in (probabilities, decision)
        ]
        self.probabilities = finite[0]
        self.losses = {} if finite[0] is None else self._losses(finite[0])
        self.ranks = self._rank_scores(finite[1] if finite[0] is None else finite[0])
        self.rankings: list[Ranking] | None = None

    def __len__(self):
        return len(self.true)

    def take(self, rows: np.ndarray) -> "ClassScores":
        """The same of these rows, prepared for repeated calls of values()."""
        part = object.__new__(ClassScores)
        part.classes, part.count, part.probabilities = self.classes, self.count, None
        part.true, part.predicted = self.true[rows], self.predicted[rows]
        part.losses = {name: losses[rows] for name, losses in self.losses.items()}
        part.ranks = {code: scores[rows] for code, scores in self.ranks.items()}
        part.rankings = [Ranking(part.true == code, scores) for code, scores in part.ranks.items()]
        return part

    def sample(self, rows: np.ndarray) -> "ClassScores":
        """The same of these rows, with their probabilities."""
        part = self.take(rows)
        part.probabilities = None if self.probabilities is None else self.probabilities[rows]
        return part

    @property
    def width(self) -> int:
        """How many rankings of the rows its metrics need."""
        return max(len(self.ranks), 1)

    def values(self, weights: np.ndarray | None = None) -> dict[str, float | None]:
        if weights is None:
            return _unweighted(self)
        hits = weights * (self.true == self.predicted)
        sizes, guesses, correct = (
            np.bincount(codes, weights=w, minlength=self.count)
            for codes, w in ((self.true, weights), (self.predicted, weights), (self.true, hits))
        )
        total = sizes.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            recall, precision = correct / sizes, np.where(guesses > 0, correct / guesses, 0)
            f1_score = np.where(sizes + guesses > 0, 2 * correct / (sizes + guesses), 0)
        return {
            "accuracy": correct.sum() / total,
            "balanced_accuracy": recall[sizes > 0].mean(),
            "precision": precision @ sizes / total,
            "recall": correct.sum() / total,
            "f1_score": f1_score @ sizes / total,
            "matthews_corrcoef": _matthews(sizes, guesses, correct.sum()),
            **self._areas(weights, sizes),
            **{name: losses @ weights / total for name, losses in self.losses.items()},
        }

    def _areas(self, weights: np.ndarray, sizes: np.ndarray) -> dict[str, float | None]:
        """Of three or more classes one-vs-rest, weighted by size; None without scores, or if a class has no row."""
        if not self.ranks or (sizes == 0).any():
            return {"roc_auc": None, "average_precision": None}
        rankings = self.rankings or (Ranking(self.true == c, scores) for c, scores in self.ranks.items())
        areas = np.array([ranking.areas(weights) for ranking in rankings])
        roc_auc, average_precision = np.average(areas, axis=0, weights=sizes[list(self.ranks)])
        return {"roc_auc": roc_auc, "average_precision": average_precision}

    def _rank_scores(self, scores: np.ndarray | None) -> dict[int, np.ndarray]:
        """The scores by class; of two classes only those of the second."""
        if scores is None or self.count < 2:
            return {}
        if self.count == 2:
            return {1: scores if scores.ndim == 1 else scores[:, 1]}
        if scores.ndim != 2 or scores.shape[1] != self.count:
            return {}
        return dict(enumerate(scores.T))

    def _losses(self, probabilities: np.ndarray) -> dict[str, np.ndarray]:
        """For each row its part of the metrics that are means over the rows."""
        of_true = probabilities[np.arange(len(self)), self.true]
        epsilon = np.finfo(probabilities.dtype).eps
        squares = (probabilities**2).sum(axis=1) - 2 * of_true + 1
        losses = {
            "log_loss": -np.log(np.clip(of_true, epsilon, 1 - epsilon)),
            "brier_score": squares / 2 if self.count == 2 else squares,
        }
        if self.count > TOP_K_ABOVE:
            # As scikit-learn: of equal probabilities, that of the later class is the higher.
            is_above = probabilities > of_true[:, None]
            is_above |= (probabilities == of_true[:, None]) & (np.arange(self.count) > self.true[:, None])
            losses[f"top_{TOP_K}_accuracy"] = (is_above.sum(axis=1) < TOP_K).astype(float)
        return losses


class Ranking:
    """Rows ordered by the score of one class, from the highest; equal scores are one step."""

    def __init__(self, is_positive: np.ndarray, scores: np.ndarray):
        self.order = np.argsort(-scores)
        self.is_positive = is_positive[self.order].astype(float)
        ordered = scores[self.order]
        self.ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(scores) - 1)

    def areas(self, weights: np.ndarray) -> tuple[float, float]:
        """The areas under the ROC curve and, as scikit-learn's average precision, under the precision-recall curve."""
        weights = weights[self.order]
        hits = np.cumsum(weights * self.is_positive)[self.ends]
        rows = np.cumsum(weights)[self.ends]
        positives, misses = hits[-1], rows - hits
        steps = np.diff(hits, prepend=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            roc_auc = ((hits - steps / 2) @ np.diff(misses, prepend=0)) / (positives * misses[-1])
            precision = np.where(rows > 0, hits / rows, 0)
        return roc_auc, steps @ precision / positives


class NumberScores:
    """Predicted and actual numbers; `quantile` is that which the estimator predicts, if it predicts one."""

    width = 1

    def __init__(self, y_true, y_pred, *, quantile: float | None = None):
        self.actual, self.predicted = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
        errors = self.actual - self.predicted
        sizes = np.abs(errors)
        self.losses = {"mse": errors**2, "mae": sizes}
        if (self.actual != 0).all():
            self.losses["mape"] = sizes / np.abs(self.actual)
        scale = np.abs(self.actual) + np.abs(self.predicted)
        self.losses["smape"] = np.divide(2 * sizes, scale, out=np.zeros(len(scale)), where=scale > 0)
        if quantile is not None:
            self.losses["quantile_loss"] = np.maximum(quantile * errors, (quantile - 1) * errors)
        self._sort()

    def _sort(self):
        self.order = np.argsort(self.losses["mae"], kind="stable")
        self.centred = self.actual - self.actual.mean()

    def __len__(self):
        return len(self.actual)

    def take(self, rows: np.ndarray) -> "NumberScores":
        part = object.__new__(NumberScores)
        part.actual, part.predicted = self.actual[rows], self.predicted[rows]
        part.losses = {name: losses[rows] for name, losses in self.losses.items()}
        part._sort()
        return part

    sample = take

    def values(self, weights: np.ndarray | None = None) -> dict[str, float | None]:
        if weights is None:
            return _unweighted(self)
        total = weights.sum()
        means = {name: losses @ weights / total for name, losses in self.losses.items()}
        square = (self.centred**2) @ weights / total
        variance = square - (self.centred @ weights / total) ** 2
        if variance <= ROUNDING * square:  # of equal values, such as a resample of one row
            variance = 0.0
        return {
            "mae": means.pop("mae"),
            "mse": means["mse"],
            "rmse": math.sqrt(means["mse"]),
            "r2": _r2(means.pop("mse"), variance) if total > 1 else None,
            "median_absolute_error": self._median(weights),
            **means,
        }

    def _median(self, weights: np.ndarray) -> float:
        """The median of the absolute errors, each repeated as often as its weight."""
        sizes, counts = self.losses["mae"][self.order], np.cumsum(weights[self.order])
        middle = [np.floor((counts[-1] - 1) / 2), np.ceil((counts[-1] - 1) / 2)]
        return float(sizes[np.searchsorted(counts, middle, side="right")].mean())


Scores = ClassScores | NumberScores


def _unweighted(scores: Scores) -> dict[str, float | None]:
    """The values for weights of 1, in one thread: for vectors, those of the linear algebra take ten times as long."""
    with threads.limited_to(1):
        return scores.values(np.ones(len(scores)))


def _r2(mse: float, variance: float) -> float:
    """As scikit-learn's r2_score, also if all actual values are equal."""
    return 1 - mse / variance if variance > 0 else float(mse == 0)


def _matthews(sizes: np.ndarray, guesses: np.ndarray, correct: float) -> float:
    """Matthews' correlation coefficient for any number of classes, from sums over them; 0 if it is not defined."""
    total = sizes.sum()
    covariance = correct * total - sizes @ guesses
    spread = (total**2 - sizes @ sizes) * (total**2 - guesses @ guesses)
    return covariance / math.sqrt(spread) if spread > 0 else 0.0
