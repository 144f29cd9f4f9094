"""Golden rows are replayed bit for bit after an upgrade of scikit-learn."""

import dataclasses

import numpy as np
import pytest

from registry.estimators import algorithms
from serving.engine import verification
from serving.engine.replay import Replay, replay
from tests.serving.engine.fits import fit, table


@pytest.fixture(scope="module")
def result():
    return fit(algorithms.find("RandomForestClassifier"), table(200), {"n_estimators": 5})


@pytest.fixture(scope="module")
def golden(result):
    return verification.verify(result.pipeline, result.signature, result.held_out)[1]


def replayed(result, golden, *, engine="trees") -> Replay:
    return replay(result.pipeline, result.signature, golden, engine=engine)


@pytest.mark.parametrize("engine", ["trees", "pipeline"])
def test_equal_golden_rows_name_the_engine_that_predicts_them(result, golden, engine):
    assert replayed(result, golden, engine=engine) == Replay(engine=engine)


def test_another_label_is_the_first_difference_with_both_labels(result, golden):
    predictions = list(golden.predictions)
    got, predictions[4] = predictions[4], "k9"
    difference = replayed(result, dataclasses.replace(golden, predictions=predictions))
    assert difference == Replay("", 5, "prediction", "k9", got)


def test_a_probability_that_differs_in_its_last_bit_is_a_difference(result, golden):
    probabilities = [list(row) for row in golden.probabilities]
    got = probabilities[2][1]
    probabilities[2][1] = expected = float(np.nextafter(got, 2))
    changed = dataclasses.replace(golden, probabilities=probabilities)
    engine = verification.build_engine(result.pipeline, result.signature)
    assert verification.first_mismatch(engine, changed, result.signature) is None
    assert replayed(result, changed) == Replay("", 3, "probability of `k1`", str(expected), str(got))


def test_the_full_pipeline_is_used_if_the_fast_engine_predicts_something_else(result, golden):
    pipeline = type(result.pipeline)(list(result.pipeline.steps))
    forest = type(pipeline["model"])(**pipeline["model"].get_params())
    forest.__dict__.update(pipeline["model"].__dict__)
    forest.predict_proba = pipeline["model"].predict_proba
    forest.estimators_ = forest.estimators_[:2]  # which only the fast engine reads
    forest.predict = pipeline["model"].predict
    pipeline.steps[-1] = ("model", forest)
    assert replay(pipeline, result.signature, golden, engine="trees") == Replay(engine="pipeline")


@pytest.mark.parametrize("algorithm", ["GaussianProcessClassifier", "KernelRidge", "MLPClassifier"])
def test_golden_rows_are_equal_for_algorithms_whose_sums_depend_on_the_number_of_rows(algorithm):
    result = fit(
        algorithms.find(algorithm), table(200), {"max_iter": 5} if algorithm == "MLPClassifier" else {}
    )
    engine, golden = verification.verify(result.pipeline, result.signature, result.held_out)
    assert replayed(result, golden, engine=engine.kind) == Replay(engine=engine.kind)
