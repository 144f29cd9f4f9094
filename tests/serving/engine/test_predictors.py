"""Predictors: when trees are merged, and which requests take turns."""

import threading
from functools import partial

import numpy as np
import pytest

from registry.estimators import algorithms
from registry.training.columns import feature_frame
from serving.engine import inference, predictors, trees
from serving.engine.predictors import SMALL_BATCH_ROWS, ForestPredictor
from serving.inputs.reader import TypedRows
from tests.serving.engine.fits import COLUMNS, fit_pipeline, table


@pytest.mark.parametrize("name", ["RandomForestClassifier", "GradientBoostingClassifier"])
def test_a_batch_over_the_cell_limit_is_not_predicted_with_merged_trees(name):
    result = fit_pipeline(algorithms.find(name), table(), {"n_estimators": 20})
    engine = inference.build(result.pipeline, result.signature)
    merged = engine.predictor.merged
    assert merged.max_rows == trees.MAX_MERGED_CELLS // (len(merged.numbers) * merged.tree.n_features)
    merged.max_rows = 3
    merged.value[:] = np.nan  # any prediction that uses it would show
    frame = feature_frame(table(seed=1), COLUMNS).iloc[:4]
    predictions, _ = engine.predict(TypedRows.from_frame(frame, COLUMNS))
    assert predictions.tolist() == result.pipeline.predict(frame).tolist()


class ObservedTree:
    """A tree that records, on each `apply`, whether the lock of its forest is held."""

    def __init__(self, tree, forest):
        self.tree, self.forest, self.was_locked = tree, forest, []

    def apply(self, rows):
        self.was_locked.append(self.forest.lock.locked())
        return self.tree.apply(rows)


class TestConcurrentForests:
    @pytest.fixture
    def forests(self):
        result = fit_pipeline(algorithms.find("RandomForestClassifier"), table(), {"n_estimators": 3})
        return [ForestPredictor(result.pipeline["model"]) for _ in range(2)]

    def cells(self, forest, count):
        return np.zeros((count, forest.merged.tree.n_features - 1))

    @pytest.mark.parametrize(
        ("count", "is_locked"),
        [(SMALL_BATCH_ROWS + 1, True), (predictors.MAX_SERIALIZED_ROWS + 1, False)],
    )
    def test_requests_of_medium_size_take_turns_in_a_forest(self, forests, count, is_locked):
        forest = forests[0]
        forest.trees = [ObservedTree(tree, forest) for tree in forest.trees]
        forest.predict(self.cells(forest, count), probabilities=False)
        assert [tree.was_locked for tree in forest.trees] == [[is_locked]] * 3
        assert not forest.lock.locked()

    def test_a_forest_does_not_wait_for_another_model(self, forests):
        busy, idle = forests
        predict = partial(idle.predict, self.cells(idle, SMALL_BATCH_ROWS + 1), probabilities=False)
        with busy.lock:
            thread = threading.Thread(target=predict, daemon=True)
            thread.start()
            thread.join(timeout=60)
            assert not thread.is_alive()
