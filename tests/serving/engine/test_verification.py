"""Verification: an engine is used only if it predicts what the pipeline predicts, also later."""

import dataclasses

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier as SklearnTree
from threadpoolctl import threadpool_info

from registry.estimators import algorithms, threads
from serving.engine import verification
from serving.inputs.reader import Reader
from tests.serving.engine.fits import fit, table


class DecisionTreeClassifier(SklearnTree):
    """Has the class name that selects the optimised trees, but predicts something else."""

    def predict(self, cells, check_input=True):
        return np.roll(self.classes_, 1)[np.searchsorted(self.classes_, super().predict(cells))]


class TreeOfThreads(SklearnTree):
    """Its predictions depend on the threads, as those of neighbours at one distance do."""

    def predict(self, cells, check_input=True):
        threads = max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "openmp")
        return np.full(len(cells), self.classes_[int(threads > 1)])


@pytest.fixture(scope="module")
def result():
    return fit(algorithms.find("DecisionTreeClassifier"), table(200), {})


def verify(result, **replaced):
    result = dataclasses.replace(result, **replaced)
    return verification.verify(result.pipeline, result.signature, result.held_out)


def with_estimator(result, estimator):
    """The same preprocessing with another fitted estimator."""
    pipeline = type(result.pipeline)(list(result.pipeline.steps))
    pipeline.steps[-1] = ("model", estimator)
    return pipeline


def rows_of(golden, result):
    return Reader(result.signature["inputs"]).from_rows(golden.rows).to_frame()


def test_an_engine_equal_to_the_pipeline_is_used(result):
    engine, golden = verify(result)
    assert (engine.kind, engine.reason) == ("trees", "")
    assert golden.predictions == result.pipeline.predict(rows_of(golden, result)).tolist()
    assert len(golden.rows) == len(verification.edge_rows(result.signature)) + verification.MAX_GOLDEN_ROWS


def test_an_engine_that_predicts_differently_is_replaced_by_the_full_pipeline(result):
    pipeline = with_estimator(result, DecisionTreeClassifier())
    pipeline["model"].__dict__.update(result.pipeline["model"].__dict__)
    engine, golden = verify(result, pipeline=pipeline)
    assert engine.kind == "pipeline"
    assert engine.reason == "its fast engine predicted row 1 of the verification differently"
    assert golden.predictions == pipeline.predict(rows_of(golden, result)).tolist()


def test_an_engine_that_fails_is_replaced_by_the_full_pipeline(result):
    class Constant(DummyClassifier):
        """Predicts, and has nothing of a tree but its name."""

    Constant.__name__ = "DecisionTreeClassifier"
    constant = Constant().fit(np.zeros((3, 1)), result.signature["classes"][:3])
    engine, golden = verify(result, pipeline=with_estimator(result, constant))
    assert (engine.kind, engine.reason) == ("pipeline", "building its fast engine failed with AttributeError")
    assert golden.rows


def test_a_pipeline_that_is_not_deterministic_has_no_golden_rows(result):
    random = DummyClassifier(strategy="uniform").fit(np.zeros((3, 1)), result.signature["classes"][:3])
    engine, golden = verify(result, pipeline=with_estimator(result, random))
    assert (engine.kind, engine.reason) == ("pipeline", "its predictions are not deterministic")
    assert golden == verification.GoldenRows()


def test_the_first_golden_row_with_another_prediction_is_found(result):
    engine, golden = verify(result)
    assert verification.first_mismatch(engine, golden, result.signature) is None
    predictions = list(golden.predictions)
    predictions[4] = predictions[7] = "k9"
    changed = dataclasses.replace(golden, predictions=predictions)
    assert verification.first_mismatch(engine, changed, result.signature) == 5


def test_the_first_golden_row_with_another_probability_is_found(result):
    engine, golden = verify(result)
    probabilities = [list(row) for row in golden.probabilities]
    probabilities[2][0] += 1e-3
    changed = dataclasses.replace(golden, probabilities=probabilities)
    assert verification.first_mismatch(engine, changed, result.signature) == 3


def test_golden_rows_are_replayed_in_one_thread_as_they_were_recorded(result):
    pipeline = with_estimator(result, TreeOfThreads())
    pipeline["model"].__dict__.update(result.pipeline["model"].__dict__)
    with threads.limited_to({"openmp": 2}):
        engine, golden = verify(result, pipeline=pipeline)
        assert set(golden.predictions) == {pipeline["model"].classes_[0]}
        assert verification.first_mismatch(engine, golden, result.signature) is None
