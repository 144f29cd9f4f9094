"""Compile a fitted pipeline into a plan that predicts the same, many times faster. No Django.

A plan encodes typed rows straight into one float64 array (encoding.py) and predicts on it by the cheapest way that
gives the same bits for that estimator and that number of rows:

- forests of up to FEW_ROWS rows, and boosting of as many: all trees by one compiled call (trees.Grove)
- forests of more rows, and single trees: each tree's own `apply` and a kept table of its values
- every other estimator: itself, on the array, without looking for NaN again
- a pipeline with a step that is not known here: itself, on a frame

Measured with a forest of 100 trees on a table like the penguins, in milliseconds: 1 row 0.015 by the grove, 0.27 by
each tree's `apply`, 5 by `predict_proba` on the array; 300 rows 2.4, 1.4 and 6.6. They meet at 64 rows
(docs/performance.md has more).
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from serving.engine.encoder import Encoder, NotCompilable
from serving.engine.trees import MOST_NODES, Grove, Neighbours, Ranks, nodes_of, summed, summed_by_tree
from serving.inputs.reader import TypedRows

FEW_ROWS = 64
LARGEST = float(np.finfo(np.float32).max)
# Each `apply` lets other threads run Python meanwhile, so requests that sum over their trees at once would take turns a
# hundred times, and a turn costs as much as a tree. One after the other, 16 callers of 300 rows get a third more
# answers and wait a third as long at worst. A request of many rows takes long, turns little, and so holds up nobody.
SHORT_ROWS = 2000
ONE_AFTER_THE_OTHER = threading.Lock()
TREES = {"DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"}
FORESTS = {
    "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
}  # fmt: skip
BAGS = {"BaggingClassifier", "BaggingRegressor"}


class PlainScorer:
    """The estimator itself, which need not look whether the array holds what it can take."""

    kind = "estimator"
    nbytes = 0

    def __init__(self, estimator):
        self.estimator = estimator

    def run(self, encoded: np.ndarray, *, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
        from sklearn import config_context

        _check_range(encoded)
        with config_context(assume_finite=True):
            predicted = np.ravel(self.estimator.predict(encoded))
            return predicted, self.estimator.predict_proba(encoded) if probabilities else None


class TreeScorer:
    """A single decision tree."""

    kind = "trees"

    def __init__(self, estimator):
        self.tree = estimator.tree_
        self.value = np.ascontiguousarray(estimator.tree_.value[:, 0, :])
        self.classes = getattr(estimator, "classes_", None)
        self.nbytes = self.value.nbytes

    def run(self, encoded, *, probabilities):
        said = self.value.take(self.tree.apply(_narrow(encoded)), axis=0)
        return _voted(said, self.classes, probabilities)


class ForestScorer:
    """The mean of many trees: RandomForest, ExtraTrees, and Bagging of trees."""

    kind = "trees"

    def __init__(self, estimator):
        self.trees = [tree.tree_ for tree in estimator.estimators_]
        self.values = [np.ascontiguousarray(tree.value[:, 0, :]) for tree in self.trees]
        self.neighbours = Neighbours(self.trees)
        self.classes = getattr(estimator, "classes_", None)
        small = sum(tree.node_count for tree in self.trees) <= MOST_NODES
        self.grove = _grove(self.trees, estimator.n_features_in_) if small else None
        self.nbytes = sum(value.nbytes for value in self.values) + (self.grove.nbytes if small else 0)

    def run(self, encoded, *, probabilities):
        narrow = _narrow(encoded)
        if self.grove and len(narrow) <= min(FEW_ROWS, self.grove.most_rows):
            total = summed(self.grove.values(narrow))
        else:
            with ONE_AFTER_THE_OTHER if len(narrow) <= SHORT_ROWS else contextlib.nullcontext():
                total = summed_by_tree(self.trees, self.values, narrow, order=self.neighbours(narrow))
        total /= len(self.trees)
        return _voted(total, self.classes, probabilities)


class BoostingScorer:
    """A start plus what all trees say, turned into an answer by the estimator's own loss."""

    kind = "trees"

    def __init__(self, estimator, grove: Grove, start: np.ndarray, *, narrow: Callable, tie: bool):
        """`narrow` makes the float32 that the trees compare; `tie` is whether a sum of 0 is the second class."""
        self.estimator, self.grove, self.start, self.narrow, self.tie = estimator, grove, start, narrow, tie
        self.outputs = len(start)
        self.plain = PlainScorer(estimator)
        self.classes = getattr(estimator, "classes_", None)
        self.nbytes = grove.nbytes

    def run(self, encoded, *, probabilities):
        if len(encoded) > min(FEW_ROWS, self.grove.most_rows):
            return self.plain.run(encoded, probabilities=probabilities)
        _check_range(encoded)
        # Each stage has a tree for each output.
        said = self.grove.values(self.narrow(encoded)).reshape(-1, self.outputs, len(encoded))
        raw = summed(said.transpose(0, 2, 1), self.start)
        if self.classes is None:
            return self.estimator._loss.link.inverse(raw[:, 0]), None
        if self.outputs == 1:
            raw = raw[:, 0]
            places = (raw >= 0 if self.tie else raw > 0).astype(int)
        else:
            places = raw.argmax(axis=1)
        chances = None
        if probabilities:
            chances = self.estimator._loss.predict_proba(raw if raw.ndim > 1 or self.tie else raw[:, None])
        return self.classes.take(places), chances


def _narrow(encoded: np.ndarray) -> np.ndarray:
    """float32, as scikit-learn's trees compare. Raises Beyond for what it cannot hold."""
    _check_range(encoded)
    return _float32(encoded)


def _float32(encoded: np.ndarray) -> np.ndarray:
    return encoded.astype(np.float32, order="C")


def _check_range(encoded: np.ndarray) -> None:
    """Raise Beyond for what float32 cannot hold: whoever has trees inside refuses it, but not under assume_finite."""
    if not (np.abs(encoded) <= LARGEST).all():
        raise Beyond


def _voted(said: np.ndarray, classes, probabilities: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if classes is None:
        return said[:, 0], None
    return classes.take(said.argmax(axis=1)), said if probabilities else None


class Beyond(Exception):
    """A number that the estimator refuses: the pipeline will say so in its words."""


def scorer(estimator):
    """The cheapest way to this estimator's exact predictions. By class name: a subclass is another algorithm."""
    name = type(estimator).__name__
    if name in TREES:
        return TreeScorer(estimator)
    if name in FORESTS or (name in BAGS and _is_forest(estimator)):
        return ForestScorer(estimator)
    if name in {"GradientBoostingClassifier", "GradientBoostingRegressor"}:
        return _boosting(estimator)
    if name in {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}:
        return _histograms(estimator)
    return PlainScorer(estimator)


def _is_forest(bag) -> bool:
    """Whether Bagging has trees that all look at every column and know every class."""
    every = list(range(bag.n_features_in_))
    classes = len(getattr(bag, "classes_", []))
    return all(
        type(tree).__name__ in TREES
        and len(getattr(tree, "classes_", [])) == classes
        and list(columns) == every
        for tree, columns in zip(bag.estimators_, bag.estimators_features_, strict=True)
    )


def _boosting(estimator):
    trees = [tree.tree_ for tree in estimator.estimators_.ravel()]
    is_constant = estimator.init_ == "zero" or type(estimator.init_).__name__.startswith("Dummy")
    if not is_constant or sum(tree.node_count for tree in trees) > MOST_NODES:
        return PlainScorer(estimator)
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_)))[0]
    grove = _grove(trees, estimator.n_features_in_)
    grove.value *= estimator.learning_rate
    return BoostingScorer(estimator, grove, start, narrow=_float32, tie=True)


def _histograms(estimator):
    nodes = [predictor.nodes for stage in estimator._predictors for predictor in stage]
    is_numeric = not any(table["is_categorical"].any() for table in nodes)
    # With categorical columns it changes the order of all of them first, whether or not a tree splits by one.
    is_as_given = getattr(estimator, "_preprocessor", None) is None
    if not nodes or not is_numeric or not is_as_given or sum(map(len, nodes)) > MOST_NODES:
        return PlainScorer(estimator)
    start = np.ravel(estimator._baseline_prediction).astype(np.float64)
    ranks = Ranks(nodes, estimator.n_features_in_)
    grove = Grove(ranks.nodes(), [table["value"][:, None] for table in nodes], estimator.n_features_in_)
    return BoostingScorer(estimator, grove, start, narrow=ranks, tie=False)


def _grove(trees: list, width: int) -> Grove:
    return Grove([nodes_of(tree) for tree in trees], [tree.value[:, 0, :] for tree in trees], width)


@dataclass
class ServingPlan:
    """What predicts: `kind` is trees, estimator or pipeline; `reason` says why it is the pipeline."""

    pipeline: object
    encoder: Encoder | None = None
    scorer: object = None
    reason: str = ""

    @property
    def kind(self) -> str:
        return self.scorer.kind if self.scorer else "pipeline"

    @property
    def nbytes(self) -> int:
        """The memory that the plan takes beside the pipeline."""
        return self.scorer.nbytes if self.scorer else 0

    def run(self, rows: TypedRows, *, probabilities: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
        """One prediction a row, and one row of class probabilities a row when asked for.

        Raises ValueError, with scikit-learn's words, for numbers beyond what the estimator can take.
        """
        if self.scorer:
            with contextlib.suppress(Beyond):
                return self.scorer.run(self.encoder(rows), probabilities=probabilities)
        frame = rows.frame()
        predicted = np.ravel(self.pipeline.predict(frame))
        return predicted, self.pipeline.predict_proba(frame) if probabilities else None


def by_pipeline(pipeline, reason: str) -> ServingPlan:
    return ServingPlan(pipeline, reason=reason)


def compile_plan(pipeline, signature: dict) -> ServingPlan:
    """The fast plan of a fitted pipeline, or the pipeline itself where one of its steps is not known here."""
    try:
        encoder = Encoder(pipeline["columns"], signature["inputs"])
    except NotCompilable as why:
        return by_pipeline(pipeline, str(why))
    return ServingPlan(pipeline, encoder, scorer(pipeline["model"]))
