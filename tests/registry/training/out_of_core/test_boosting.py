"""XGBoost and LightGBM on batches of rows: the trees, labels and parameters of a fit in memory."""

import pickle

import numpy as np
import pytest

from registry.estimators.algorithms import find
from registry.training.out_of_core import memory
from tests.registry.training.out_of_core.stored import INPUTS, in_memory, in_passes, request_of, table

NAMES = [one["name"] for one in INPUTS]
FEW = {"n_estimators": 8}


@pytest.fixture(scope="module")
def frame():
    return table()


def predictions(result, frame) -> np.ndarray:
    return result.pipeline.predict(frame[NAMES])


@pytest.mark.parametrize(("name", "target"), [("XGBClassifier", "kind"), ("XGBRegressor", "price")])
def test_xgboost_on_one_batch_is_as_in_memory(frame, name, target):
    pytest.importorskip("xgboost")
    request = request_of(name, FEW, target=target)
    ours, theirs = in_passes(request, frame, batch_rows=10_000), in_memory(request, frame)
    np.testing.assert_array_equal(predictions(ours, frame), predictions(theirs, frame))
    assert ours.parameters == theirs.parameters
    assert ours.preparation == theirs.preparation
    assert ours.trained == "On 640 rows in 1 batch, kept as the bins of their values."


def test_xgboost_on_many_batches_is_as_good_as_in_memory(frame):
    pytest.importorskip("xgboost")
    request = request_of("XGBClassifier", FEW)
    ours, theirs = in_passes(request, frame), in_memory(request, frame)
    assert ours.metrics["accuracy"] == pytest.approx(theirs.metrics["accuracy"], abs=0.06)
    assert ours.signature["classes"] == ["cat", "dog"]
    assert ours.trained == "On 640 rows in 5 batches, kept as the bins of their values."


def test_a_forest_of_xgboost_has_the_classes_of_the_table(frame):
    pytest.importorskip("xgboost")
    inputs = [one for one in INPUTS if one["name"] != "city"]
    frame = frame.assign(kind=frame["kind"].where(frame["price"] < 90, "emu"))
    result = in_passes(request_of("XGBRFClassifier", FEW, inputs=inputs), frame)
    assert result.signature["classes"] == ["cat", "dog", "emu"]
    assert result.metrics["accuracy"] > 0.6
    assert result.parameters["n_estimators"] == 8


@pytest.mark.parametrize(
    ("name", "target", "params"),
    [
        ("LGBMClassifier", "kind", {"class_weight": "balanced"}),
        ("LGBMRegressor", "price", {"colsample_bytree": 0.7}),
    ],
)
def test_lightgbm_on_batches_in_order_is_as_in_memory(frame, name, target, params):
    pytest.importorskip("lightgbm")
    request = request_of(name, FEW | params, target=target)
    ours, theirs = in_passes(request, frame, batch_rows=10_000), in_memory(request, frame)
    np.testing.assert_array_equal(predictions(ours, frame), predictions(theirs, frame))
    assert ours.parameters == theirs.parameters
    main = {"kind": "accuracy", "price": "r2"}[target]
    assert in_passes(request, frame).metrics[main] == pytest.approx(theirs.metrics[main], abs=0.05)


@pytest.mark.parametrize("name", ["XGBRegressor", "LGBMRegressor"])
@pytest.mark.parametrize("split", [{"method": "random"}, {"method": "group", "column": "city"}])
def test_early_stopping_holds_out_some_training_rows_as_in_memory(frame, name, split):
    pytest.importorskip({"X": "xgboost", "L": "lightgbm"}[name[0]])
    params = {"n_estimators": 60, "early_stopping_rounds": 3}
    request = request_of(name, params, target="price", split=split)
    ours = in_passes(request, frame, batch_rows=10_000)
    # In memory, rows of a random split are in another order; and LightGBM bins those that are held out with the others.
    if name == "XGBRegressor" and split["method"] == "group":
        assert ours.iterations == in_memory(request, frame).iterations
    assert ours.parameters["early_stopping_rounds"] == 3
    assert 1 < in_passes(request, frame).iterations <= 60


def test_an_artifact_holds_nothing_of_ours(frame):
    pytest.importorskip("xgboost")
    content = pickle.dumps(in_passes(request_of("XGBClassifier", FEW), frame).pipeline)
    assert b"registry" not in content


def test_the_nearest_algorithms_of_a_forest_are_boosted_trees():
    pytest.importorskip("xgboost")
    assert memory.reason_against(find("XGBClassifier")) is None
    assert memory.nearest(find("RandomForestRegressor"), memory.in_passes("regression"))[0] == "XGBRegressor"
