"""Predict on an encoded array: for each kind of estimator the fastest way that gives the same bits.

- Forests and boosting, up to SMALL_BATCH_ROWS rows: all trees in one compiled call (`trees.MergedTrees`).
- Forests of more rows, and single trees: `apply` of each tree and a table of its values.
- Boosters of optional frameworks: one call of their library (`boosters`).
- Multi-layer perceptrons, also those that PyTorch or Keras has trained: their layers (`networks`).
- Every other estimator: the estimator itself, without its repeated check for NaN.

Measured with a forest of 100 trees on a table like the penguins, in milliseconds: 1 row takes 0.015 merged, 0.27 with
`apply` per tree and 5 with `predict_proba`; 300 rows take 2.4, 1.4 and 6.6. They cross at 64 rows
(docs/performance.md has more).
"""

import contextlib
import threading
from collections.abc import Callable

import numpy as np

from registry.estimators import wrappers
from registry.estimators.frameworks import extras
from serving.engine import boosters, networks
from serving.engine.decisions import (
    CalibratedPredictor,
    ThresholdPredictor,
    has_threshold,
    is_calibrated,
)
from serving.engine.trees import (
    MAX_MERGED_NODES,
    HistogramSplits,
    MergedTrees,
    RowOrder,
    check_range,
    node_table,
    sum_in_order,
    sum_tree_by_tree,
)

SMALL_BATCH_ROWS = 64
# A request of more rows takes long and rarely switches threads, so it does not take turns with others.
MAX_SERIALIZED_ROWS = 2000
TREES = {"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"}
FORESTS = {
    "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
}  # fmt: skip
BAGS = {"BaggingClassifier", "BaggingRegressor"}


class EstimatorPredictor:
    """The estimator itself, with scikit-learn's own check of the array switched off."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        self.estimator = estimator

    def predict(self, encoded: np.ndarray, *, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Encoded rows (rows, columns) -> predictions (rows,) and, if requested, probabilities (rows, classes)."""
        from sklearn import config_context

        check_range(encoded)
        with config_context(assume_finite=True):
            predictions = np.ravel(self.estimator.predict(encoded))
            return predictions, self.estimator.predict_proba(encoded) if probabilities else None

    def decision(self, encoded: np.ndarray) -> np.ndarray:
        """The decision function (rows,) of two classes."""
        from sklearn import config_context

        check_range(encoded)
        with config_context(assume_finite=True):
            return self.estimator.decision_function(encoded)


class TreePredictor:
    """A single decision tree."""

    kind = "trees"

    def __init__(self, estimator):
        self.tree = estimator.tree_
        self.value = np.ascontiguousarray(estimator.tree_.value[:, 0, :])
        self.classes = getattr(estimator, "classes_", None)
        self.nbytes = self.value.nbytes

    def predict(self, encoded, *, probabilities):
        values = self.value.take(self.tree.apply(_checked_float32(encoded)), axis=0)
        return _outputs(values, self.classes, probabilities)


class ForestPredictor:
    """The mean of many trees: RandomForest, ExtraTrees, and Bagging of trees.

    Each `apply` releases the interpreter lock, so concurrent requests to a forest would switch threads a hundred times,
    and a switch costs as much as a tree. When they take turns, 16 callers of 300 rows get a third more responses and
    wait a third as long at worst. Each forest has its own lock: models do not wait for each other.
    """

    kind = "trees"

    def __init__(self, estimator):
        self.trees = [tree.tree_ for tree in estimator.estimators_]
        self.values = [np.ascontiguousarray(tree.value[:, 0, :]) for tree in self.trees]
        self.row_order = RowOrder(self.trees)
        self.classes = getattr(estimator, "classes_", None)
        self.lock = threading.Lock()
        is_small = sum(tree.node_count for tree in self.trees) <= MAX_MERGED_NODES
        self.merged = _merge(self.trees, estimator.n_features_in_) if is_small else None
        self.nbytes = sum(value.nbytes for value in self.values) + (self.merged.nbytes if is_small else 0)

    def predict(self, encoded, *, probabilities):
        rows = _checked_float32(encoded)
        if self.merged and len(rows) <= min(SMALL_BATCH_ROWS, self.merged.max_rows):
            total = sum_in_order(self.merged.values(rows))
        else:
            with self.lock if len(rows) <= MAX_SERIALIZED_ROWS else contextlib.nullcontext():
                total = sum_tree_by_tree(self.trees, self.values, rows, order=self.row_order(rows))
        total /= len(self.trees)
        return _outputs(total, self.classes, probabilities)


class BoostingPredictor:
    """A baseline plus the values of all trees, turned into predictions by the estimator's own loss."""

    kind = "trees"

    def __init__(
        self, estimator, merged: MergedTrees, baseline: np.ndarray, *, cells: Callable, zero_is_positive: bool
    ):
        """`cells` makes the float32 cells that the trees compare.

        `zero_is_positive` says whether a sum of exactly 0 is the second of two classes.
        """
        self.estimator, self.merged, self.baseline = estimator, merged, baseline
        self.cells, self.zero_is_positive = cells, zero_is_positive
        self.outputs = len(baseline)
        self.fallback = EstimatorPredictor(estimator)
        self.classes = getattr(estimator, "classes_", None)
        self.nbytes = merged.nbytes

    def predict(self, encoded, *, probabilities):
        if self._is_large(encoded):
            return self.fallback.predict(encoded, probabilities=probabilities)
        raw = self._raw(encoded)
        if self.classes is None:
            return self.estimator._loss.link.inverse(raw[:, 0]), None
        if self.outputs == 1:
            raw = raw[:, 0]
            indices = (raw >= 0 if self.zero_is_positive else raw > 0).astype(int)
        else:
            indices = raw.argmax(axis=1)
        class_probabilities = None
        if probabilities:
            needs_column = raw.ndim == 1 and not self.zero_is_positive
            class_probabilities = self.estimator._loss.predict_proba(raw[:, None] if needs_column else raw)
        return self.classes.take(indices), class_probabilities

    def decision(self, encoded: np.ndarray) -> np.ndarray:
        """The decision function (rows,) of two classes."""
        return self.fallback.decision(encoded) if self._is_large(encoded) else self._raw(encoded)[:, 0]

    def _is_large(self, encoded: np.ndarray) -> bool:
        return len(encoded) > min(SMALL_BATCH_ROWS, self.merged.max_rows)

    def _raw(self, encoded: np.ndarray) -> np.ndarray:
        """(rows, outputs). Each stage has one tree per output."""
        check_range(encoded)
        values = self.merged.values(self.cells(encoded)).reshape(-1, self.outputs, len(encoded))
        return sum_in_order(values.transpose(0, 2, 1), self.baseline)


Predictor = (
    EstimatorPredictor
    | TreePredictor
    | ForestPredictor
    | BoostingPredictor
    | boosters.XGBoostPredictor
    | boosters.LightGBMPredictor
    | boosters.CatBoostPredictor
    | boosters.LabelledPredictor
    | networks.NetworkPredictor
    | ThresholdPredictor
    | CalibratedPredictor
)


def predictor_for(estimator) -> Predictor:
    """The fastest exact predictor of a fitted estimator. By class name: a subclass may compute something else."""
    if has_threshold(estimator):
        return ThresholdPredictor(estimator, predictor_for(estimator.estimator_))
    if is_calibrated(estimator):
        return CalibratedPredictor(estimator, predictor_for(estimator.calibrated_classifiers_[0].estimator))
    if wrappers.is_labelled(estimator):
        return boosters.LabelledPredictor(estimator, predictor_for(estimator.estimators_[0]))
    if networks.is_network(estimator):
        return networks.NetworkPredictor(estimator)
    if framework := extras.of_estimator(estimator):
        if framework.is_network:
            return networks.NetworkPredictor(estimator.network_)
        return boosters.PREDICTORS[framework.name](estimator)
    name = type(estimator).__name__
    if name in TREES:
        return TreePredictor(estimator)
    if name in FORESTS or (name in BAGS and _is_forest(estimator)):
        return ForestPredictor(estimator)
    if name in {"GradientBoostingClassifier", "GradientBoostingRegressor"}:
        return _gradient_boosting(estimator)
    if name in {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}:
        return _histogram_boosting(estimator)
    return EstimatorPredictor(estimator)


def _is_forest(bag) -> bool:
    """Whether all estimators of a Bagging are trees with every column and every class."""
    all_columns = list(range(bag.n_features_in_))
    classes = len(getattr(bag, "classes_", []))
    return all(
        type(tree).__name__ in TREES
        and len(getattr(tree, "classes_", [])) == classes
        and list(columns) == all_columns
        for tree, columns in zip(bag.estimators_, bag.estimators_features_, strict=True)
    )


def _gradient_boosting(estimator) -> Predictor:
    trees = [tree.tree_ for tree in estimator.estimators_.ravel()]
    is_constant = estimator.init_ == "zero" or type(estimator.init_).__name__.startswith("Dummy")
    if not is_constant or sum(tree.node_count for tree in trees) > MAX_MERGED_NODES:
        return EstimatorPredictor(estimator)
    baseline = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_)))[0]
    merged = _merge(trees, estimator.n_features_in_)
    merged.value *= estimator.learning_rate
    return BoostingPredictor(estimator, merged, baseline, cells=_float32, zero_is_positive=True)


def _histogram_boosting(estimator) -> Predictor:
    trees = [predictor for stage in estimator._predictors for predictor in stage]
    size = sum(len(tree.nodes) for tree in trees)
    if not trees or not _keeps_columns(estimator) or size > MAX_MERGED_NODES:
        return EstimatorPredictor(estimator)
    baseline = np.ravel(estimator._baseline_prediction).astype(np.float64)
    splits = HistogramSplits(trees, estimator.n_features_in_)
    width = estimator.n_features_in_ if splits.columns is None else splits.columns.shape[1]
    values = [tree.nodes["value"][:, None] for tree in trees]
    merged = MergedTrees(splits.node_tables(), values, width, splits.columns)
    return BoostingPredictor(estimator, merged, baseline, cells=splits, zero_is_positive=False)


def _keeps_columns(estimator) -> bool:
    """Whether its own preprocessor, of an estimator with categories, changes nothing.

    It moves categorical columns to the front, and replaces their values by numbers from 0.
    """
    preprocessor = getattr(estimator, "_preprocessor", None)
    if preprocessor is None:
        return True
    is_categorical = estimator.is_categorical_
    categories = preprocessor.named_transformers_["encoder"].categories_
    are_codes = all(
        np.array_equal(values[~np.isnan(values)], np.arange(np.count_nonzero(~np.isnan(values))))
        for values in categories
    )
    return are_codes and not (is_categorical[1:] & ~is_categorical[:-1]).any()


def _merge(trees: list, width: int) -> MergedTrees:
    return MergedTrees([node_table(tree) for tree in trees], [tree.value[:, 0, :] for tree in trees], width)


def _checked_float32(encoded: np.ndarray) -> np.ndarray:
    """float32, as scikit-learn's trees compare. Raises OutOfRange if a number does not fit."""
    check_range(encoded)
    return _float32(encoded)


def _float32(encoded: np.ndarray) -> np.ndarray:
    return encoded.astype(np.float32, order="C")


def _outputs(values: np.ndarray, classes, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if classes is None:
        return values[:, 0], None
    return classes.take(values.argmax(axis=1)), values if probabilities else None
