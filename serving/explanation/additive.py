"""Estimators whose output is a sum over their encoded columns, so that the reasons of a prediction are exact.

Trees: the Shapley values of leaves.py. Linear models: coefficient times distance from the training mean, if that is all
there is to the estimator's own output. No Django.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from registry.estimators import wrappers
from registry.estimators.frameworks import extras
from serving.engine.decisions import has_threshold, is_calibrated
from serving.engine.predictors import BAGS, FORESTS, TREES, _float32, _is_forest, _keeps_columns
from serving.engine.trees import HistogramSplits, node_table
from serving.explanation import boosters
from serving.explanation.leaves import Leaves, TreeTable, count_comparisons, grouped

MAX_COMPARISONS = 10_000_000  # on the paths of all leaves: about 160 MB
TOLERANCE = 1e-9
MIN_DIFFERENT = 2  # background rows: on a single one, every function is linear
PROBABILITY, LOG_ODDS, SCORE, VALUE, LOG_VALUE = "probability", "log_odds", "score", "value", "log_value"
TREE_SHAP, LINEAR = "tree_shap", "linear"


class Sum(Protocol):
    def explain(self, encoded: np.ndarray, output: int) -> tuple[float, np.ndarray]:
        """The base value and the contribution of each encoded column, for one encoded row."""


@dataclass(frozen=True)
class TreeSum:
    groups: list[Leaves]
    cells: Callable[[np.ndarray], np.ndarray]
    baseline: np.ndarray

    @property
    def nbytes(self) -> int:
        return sum(leaves.nbytes for leaves in self.groups)

    def explain(self, encoded, output):
        base = float(self.baseline[output] + sum(leaves.base(output) for leaves in self.groups))
        cells = self.cells(encoded[None])[0]
        return base, sum(leaves.contributions(cells, output) for leaves in self.groups)


@dataclass(frozen=True)
class LinearSum:
    coefficients: np.ndarray  # (outputs, columns)
    intercepts: np.ndarray
    mean: np.ndarray

    nbytes = 0

    def explain(self, encoded, output):
        coefficients = self.coefficients[output]
        base = float(self.intercepts[output] + coefficients @ self.mean)
        return base, coefficients * (encoded - self.mean)


@dataclass(frozen=True)
class Additive:
    """A sum, and of each class (of a regressor, of the only output) its output, a factor and an offset."""

    method: str
    unit: str
    sum: Sum
    outputs: list[tuple[int, float, float]]

    def explain(self, encoded: np.ndarray, place: int) -> tuple[float, np.ndarray]:
        """The base value and the contributions (columns,) to the class in this place, for one encoded row."""
        output, factor, offset = self.outputs[place]
        base, contributions = self.sum.explain(encoded, output)
        return factor * base + offset, factor * contributions


def of(model, mean: np.ndarray, background: np.ndarray) -> Additive | None:
    """How a fitted model adds up; None if it does not, or has too many leaves.

    `mean` (columns,) is that of the encoded training rows, and `background` has a few encoded rows to check it on.
    """
    if has_threshold(model):
        return of(model.estimator_, mean, background)
    if is_calibrated(model):
        return _calibrated(model, mean, background)
    if wrappers.is_labelled(model):
        return of(model.estimators_[0], mean, background)
    classes = len(getattr(model, "classes_", ()))
    framework = extras.of_estimator(model)
    if framework and not framework.is_network:
        unit = _unit_of_booster(model, classes)
        return Additive(TREE_SHAP, unit, boosters.BoosterSum(model), _outputs(model, "boosting", classes))
    if name := _kind_of_trees(model):
        trees = _TREES[name](model)
        return trees and Additive(TREE_SHAP, _unit(model, name), trees, _outputs(model, name, classes))
    return _linear(model, mean, background)


def _calibrated(model, mean, background) -> Additive | None:
    """A sigmoid makes the log-odds a linear function of the classifier's output; other calibrations are not a sum."""
    [calibrated] = model.calibrated_classifiers_
    inner = of(calibrated.estimator, mean, background)
    calibrator = calibrated.calibrators[0]
    has_decision = hasattr(
        calibrated.estimator, "decision_function"
    )  # which is calibrated then, else probabilities
    if inner is None or not hasattr(calibrator, "a_") or has_decision == (inner.unit == PROBABILITY):
        return None
    if inner.unit == LOG_ODDS and not hasattr(calibrated.estimator, "decision_function"):
        return None  # it is calibrated by its probabilities
    output, factor, offset = inner.outputs[1]
    if inner.unit == LOG_ODDS and getattr(calibrated.estimator, "loss", None) == "exponential":
        factor /= 2  # of the decision function
    factor, offset = -calibrator.a_ * factor, -calibrator.a_ * offset - calibrator.b_
    return Additive(inner.method, LOG_ODDS, inner.sum, [(output, -factor, -offset), (output, factor, offset)])


def _kind_of_trees(model) -> str:
    name = type(model).__name__
    if name in TREES:
        return "tree"
    if name in FORESTS or (name in BAGS and _is_forest(model)):
        return "forest"
    if name in {"GradientBoostingClassifier", "GradientBoostingRegressor"}:
        return "boosting"
    if name in {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}:
        return "histogram boosting"
    return ""


def _unit(model, kind: str) -> str:
    if not hasattr(model, "classes_"):
        is_log = kind == "histogram boosting" and type(model._loss.link).__name__ == "LogLink"
        return LOG_VALUE if is_log else VALUE
    if kind in {"tree", "forest"}:
        return PROBABILITY
    return LOG_ODDS if len(model.classes_) == 2 else SCORE


def _unit_of_booster(model, classes: int) -> str:
    if classes:
        return LOG_ODDS if classes == 2 else SCORE
    return LOG_VALUE if boosters.has_log_link(model) else VALUE


def _outputs(model, kind: str, classes: int) -> list[tuple[int, float, float]]:
    if kind in {"boosting", "histogram boosting"} and classes == 2:
        factor = 2.0 if getattr(model, "loss", None) == "exponential" else 1.0
        return [(0, -factor, 0.0), (0, factor, 0.0)]
    return [(output, 1.0, 0.0) for output in range(max(classes, 1))]


def _tree(model) -> TreeSum | None:
    return _sum([_table(model.tree_, 1.0)], model, np.zeros(max(len(getattr(model, "classes_", ())), 1)))


def _forest(model) -> TreeSum | None:
    share = 1 / len(model.estimators_)
    outputs = max(len(getattr(model, "classes_", ())), 1)
    return _sum([_table(tree.tree_, share) for tree in model.estimators_], model, np.zeros(outputs))


def _boosting(model) -> TreeSum | None:
    is_constant = model.init_ == "zero" or type(model.init_).__name__.startswith("Dummy")
    if not is_constant:
        return None
    outputs = model.estimators_.shape[1]
    baseline = np.ravel(model._raw_predict_init(np.zeros((1, model.n_features_in_))))
    trees = [
        _table(tree.tree_, model.learning_rate, output=output, outputs=outputs)
        for stage in model.estimators_
        for output, tree in enumerate(stage)
    ]
    return _sum(trees, model, baseline)


def _histogram_boosting(model) -> TreeSum | None:
    predictors = [(output, one) for stage in model._predictors for output, one in enumerate(stage)]
    if not predictors or not _keeps_columns(model):
        return None
    baseline = np.ravel(model._baseline_prediction).astype(np.float64)
    splits = HistogramSplits([one for _, one in predictors], model.n_features_in_)
    trees = []
    for (output, one), nodes, cell in zip(predictors, splits.node_tables(), splits.cells, strict=True):
        value = np.zeros((len(nodes), len(baseline)))
        value[:, output] = one.nodes["value"]
        feature, cover = one.nodes["feature_idx"].astype(np.intp), one.nodes["count"].astype(np.float64)
        trees.append(_from_nodes(nodes, feature, cell, cover, value))
    return _sum(trees, model, baseline, splits)


_TREES = {
    "tree": _tree, "forest": _forest, "boosting": _boosting, "histogram boosting": _histogram_boosting,
}  # fmt: skip


def _table(tree, factor: float, *, output: int | None = None, outputs: int = 1) -> TreeTable:
    """A scikit-learn `tree_` times a factor; with `output`, of a tree with one output that is one of several."""
    nodes, values = node_table(tree), tree.value[:, 0, :] * factor
    if output is not None:
        values = np.zeros((len(nodes), outputs))
        values[:, output] = tree.value[:, 0, 0] * factor
    feature = nodes["feature"].astype(np.intp)
    return _from_nodes(nodes, feature, feature, tree.weighted_n_node_samples, values)


def _from_nodes(nodes, feature, cell, cover, value) -> TreeTable:
    return TreeTable(
        nodes["left_child"].astype(np.intp),
        nodes["right_child"].astype(np.intp),
        feature,
        cell,
        nodes["threshold"],
        nodes["missing_go_to_left"].astype(bool),
        cover,
        value,
    )


def _sum(trees: list[TreeTable], model, baseline: np.ndarray, cells: Callable = _float32) -> TreeSum | None:
    if count_comparisons(trees) > MAX_COMPARISONS:
        return None
    return TreeSum(grouped(trees, model.n_features_in_), cells, baseline)


def _linear(model, mean: np.ndarray, background: np.ndarray) -> Additive | None:
    """A model with coefficients that are all there is to its decision function, prediction or the logarithm of that."""
    coefficients = np.atleast_2d(np.asarray(getattr(model, "coef_", np.zeros(0)), dtype=np.float64))
    if coefficients.shape[1] != len(mean) or len(np.unique(background, axis=0)) < MIN_DIFFERENT:
        return None
    is_classifier = hasattr(model, "classes_")
    if is_classifier and not hasattr(model, "decision_function"):
        return None
    found = np.asarray((model.decision_function if is_classifier else model.predict)(background))
    found = found.reshape(len(background), -1)
    outputs = [(found, SCORE if is_classifier else VALUE)]
    if not is_classifier and (found > 0).all():
        outputs.append((np.log(found), LOG_VALUE))
    for values, unit in outputs:
        if values.shape[1] != len(coefficients):
            continue
        rest = values - background @ coefficients.T
        intercepts = rest.mean(axis=0)
        if np.abs(rest - intercepts).max() <= TOLERANCE * max(np.abs(values).max(), 1.0):
            unit = LOG_ODDS if is_classifier and _is_log_odds(model, background, values) else unit
            return Additive(
                LINEAR, unit, LinearSum(coefficients, intercepts, mean), _linear_outputs(model, coefficients)
            )
    return None


def _linear_outputs(model, coefficients: np.ndarray) -> list[tuple[int, float, float]]:
    if len(coefficients) == 1 and len(getattr(model, "classes_", ())) == 2:
        return [(0, -1.0, 0.0), (0, 1.0, 0.0)]
    return [(output, 1.0, 0.0) for output in range(len(coefficients))]


def _is_log_odds(model, background: np.ndarray, scores: np.ndarray) -> bool:
    """Whether the logistic function of the scores of two classes is the probability."""
    if len(model.classes_) != 2 or not hasattr(model, "predict_proba"):
        return False
    return np.allclose(model.predict_proba(background)[:, 1], 1 / (1 + np.exp(-scores[:, 0])), atol=1e-9)
