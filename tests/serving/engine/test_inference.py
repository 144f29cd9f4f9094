"""Inference engines predict what the pipeline predicts: for every algorithm, any table, few rows and many."""

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from registry.estimators import algorithms
from registry.training.columns import feature_frame
from serving.engine import inference
from serving.engine.predictors import SMALL_BATCH_ROWS
from serving.inputs.reader import Reader, TypedRows
from tests.serving.engine.fits import COLUMNS, fit_pipeline, table

# Parameters an algorithm needs to train on a table of mixed columns, or quickly enough for a test.
PARAMS = {
    "IsotonicRegression": None,  # takes one column only
    "RadiusNeighborsRegressor": {"radius": 100.0},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.5},
    "MLPClassifier": {"max_iter": 20},
    "MLPRegressor": {"max_iter": 20},
}
TREES = [
    "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor",
    "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor",
    "BaggingClassifier", "BaggingRegressor", "GradientBoostingClassifier", "GradientBoostingRegressor",
    "HistGradientBoostingClassifier", "HistGradientBoostingRegressor",
]  # fmt: skip


def edge_rows() -> pandas.DataFrame:
    rows = [
        [None] * 5,
        ["ultraviolet", 5.0, 3, True, "2026-01-01"],
        ["", -1e9, 10**9, False, "1950-01-01"],
        ["missing", 1e9, -1, None, "2200-12-31T23:59:59"],
    ]
    return Reader(COLUMNS).from_rows(rows).to_frame()


def assert_same(engine, pipeline, frame, expected, expected_probabilities):
    rows = TypedRows.from_frame(frame, COLUMNS)
    if engine.encoder:
        encoded, transformed = engine.encoder(rows), pipeline["columns"].transform(frame)
        np.testing.assert_array_equal(encoded, transformed)
        assert np.isfortran(encoded) == np.isfortran(transformed)  # sums are rounded accordingly
    has_probabilities = expected_probabilities is not None
    predictions, probabilities = engine.predict(rows, probabilities=has_probabilities)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(predictions, expected, rtol=1e-6)
    else:
        assert predictions.tolist() == expected.tolist()
        assert predictions.dtype == expected.dtype
    if has_probabilities:
        np.testing.assert_allclose(probabilities, expected_probabilities, rtol=1e-6, atol=1e-12)


def assert_same_for_any_batch(result, frame):
    """Compare all rows, one row, a few, and one row more than a small batch; return the engine."""
    engine = inference.build(result.pipeline, result.signature)
    typed = pandas.concat([edge_rows(), feature_frame(frame, COLUMNS)], ignore_index=True)
    predictions = np.ravel(result.pipeline.predict(typed))
    has_probabilities = hasattr(result.pipeline, "predict_proba")
    probabilities = result.pipeline.predict_proba(typed) if has_probabilities else None
    for rows in (slice(None), slice(1), slice(1, 4), slice(SMALL_BATCH_ROWS + 1)):
        expected = probabilities[rows] if has_probabilities else None
        assert_same(engine, result.pipeline, typed.iloc[rows], predictions[rows], expected)
    return engine


PREDICTING = [algorithm for algorithm in algorithms.all_algorithms() if algorithm.can_predict]


@pytest.mark.parametrize("algorithm", PREDICTING, ids=lambda algorithm: algorithm.name)
def test_every_algorithm_predicts_what_its_pipeline_predicts(algorithm):
    params = PARAMS.get(algorithm.name, {})
    if params is None:
        pytest.skip("it takes one column only")
    if "n_estimators" in {parameter.name for parameter in algorithm.parameters}:
        params = {"n_estimators": 12}
    engine = assert_same_for_any_batch(fit_pipeline(algorithm, table(), params), table(seed=1))
    assert engine.kind == ("trees" if algorithm.name in TREES else "estimator")


@st.composite
def tree_params(draw):
    name = draw(st.sampled_from(TREES))
    if name.startswith("Bagging"):  # with a share of the columns it is not a forest
        shares = st.sampled_from([1.0, 0.5])
        flags = {"bootstrap": draw(st.booleans()), "bootstrap_features": draw(st.booleans())}
        return name, flags | {"n_estimators": draw(st.integers(1, 15)), "max_features": draw(shares)}
    params = {"max_depth": draw(st.sampled_from([None, 1, 3]))}
    if not name.startswith("Hist"):
        params["min_samples_leaf"] = draw(st.integers(1, 5))
        params["max_features"] = draw(st.sampled_from([None, "sqrt", 0.5]))
    if "Forest" in name or "ExtraTrees" in name:
        params |= {"n_estimators": draw(st.integers(1, 15)), "bootstrap": draw(st.booleans())}
    if name.startswith("Gradient"):
        params |= {"n_estimators": draw(st.integers(1, 15)), "init": draw(st.sampled_from([None, "zero"]))}
    if name.startswith("Hist"):
        losses = ["squared_error", "poisson", "gamma"] if name.endswith("Regressor") else ["log_loss"]
        params |= {"max_iter": draw(st.integers(1, 10)), "loss": draw(st.sampled_from(losses))}
    if name == "GradientBoostingClassifier":
        params["loss"] = draw(st.sampled_from(["log_loss", "exponential"]))
    return name, params


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(tree_params(), st.integers(30, 80), st.integers(0, 10**6), st.sampled_from([2, 3]))
def test_trees_with_any_parameters_predict_what_their_pipeline_predicts(drawn, count, seed, classes):
    name, params = drawn
    assume(not (params.get("loss") == "exponential" and classes > 2))
    frame = table(count, seed, classes)
    try:
        result = fit_pipeline(algorithms.find(name), frame, params)
    except ValidationError:
        assume(False)
    assert_same_for_any_batch(result, frame)


@pytest.mark.parametrize("features", [["length", "count"], ["seen"], ["length", "seen"], ["colour"]], ids=str)
def test_encoded_arrays_have_the_memory_layout_of_the_pipeline(features):
    result = fit_pipeline(algorithms.find("LogisticRegression"), table(), {}, features=features)
    inputs = result.signature["inputs"]
    engine = inference.build(result.pipeline, result.signature)
    frame = feature_frame(table(seed=1), inputs)
    encoded = engine.encoder(TypedRows.from_frame(frame, inputs))
    assert np.isfortran(encoded) == np.isfortran(result.pipeline["columns"].transform(frame))


@pytest.mark.parametrize("column", range(3, 6))
def test_boosting_with_categorical_columns_uses_the_estimator(column):
    params = {"categorical_features": [column], "max_iter": 3}
    result = fit_pipeline(algorithms.find("HistGradientBoostingRegressor"), table(200), params)
    assert assert_same_for_any_batch(result, table(seed=1)).kind == "estimator"


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text(max_size=4).filter(lambda text: "\0" not in text), min_size=20, max_size=60),
    st.sampled_from(["LogisticRegression", "KNeighborsClassifier", "MultinomialNB", "CategoricalNB"]),
)
def test_any_text_is_encoded_as_the_pipeline_encodes_it(texts, name):
    frame = table(len(texts), len(texts), 2)
    frame["colour"] = pandas.Series(texts, dtype="str")
    assume(frame["kind"].value_counts().min() > 3 and frame["kind"].nunique() == 2)
    assert_same_for_any_batch(fit_pipeline(algorithms.find(name), frame, {}), frame)


@pytest.mark.parametrize(
    "name", ["RandomForestClassifier", "GradientBoostingRegressor", "AdaBoostClassifier"]
)
@pytest.mark.parametrize("count", [1, SMALL_BATCH_ROWS + 1])
def test_a_number_too_large_for_the_trees_raises_the_error_of_the_pipeline(name, count):
    result = fit_pipeline(algorithms.find(name), table(), {"n_estimators": 3})
    engine = inference.build(result.pipeline, result.signature)
    for number in (1e300, -1e39):
        rows = Reader(COLUMNS).from_rows([["red", number, 1, True, None]] * count)
        with pytest.raises(ValueError, match="too large"):
            engine.predict(rows)


def test_an_unsupported_step_uses_the_full_pipeline():
    from sklearn.preprocessing import RobustScaler

    result = fit_pipeline(algorithms.find("LogisticRegression"), table(), {})
    numbers = result.pipeline["columns"].named_transformers_["numbers"]
    values = result.pipeline["columns"].transform(feature_frame(table(), COLUMNS))
    numbers.steps[1] = ("scale", RobustScaler().fit(values[:, :2]))
    engine = assert_same_for_any_batch(result, table(seed=2))
    assert engine.kind == "pipeline"
    assert "RobustScaler" in engine.reason


@pytest.mark.parametrize("target", ["kind", "size"])
def test_an_ensemble_is_compiled_to_the_bits_of_its_pipeline(target):
    """Members that need different numbers: native categories, scaled numbers with a column a category, and trees."""
    kind, linear = ("Classifier", "LogisticRegression") if target == "kind" else ("Regressor", "Ridge")
    members = [
        {"module": "ensemble", "class": f"HistGradientBoosting{kind}", "params": {"max_iter": 5}},
        {"module": "linear_model", "class": linear},
        {"module": "ensemble", "class": f"ExtraTrees{kind}", "params": {"n_estimators": 3}},
    ]
    voting = algorithms.find(f"Voting{kind}")
    result = fit_pipeline(voting, table(), {"members": members, "weights": [2, 1, 1]}, target=target)
    engine = inference.build(result.pipeline, result.signature)
    assert engine.kind == "estimator"
    rows = TypedRows.from_frame(result.held_out, result.signature["inputs"])
    predictions, probabilities = engine.predict(rows, probabilities=target == "kind")
    assert (predictions == result.pipeline.predict(result.held_out)).all()
    if target == "kind":
        assert (probabilities == result.pipeline.predict_proba(result.held_out)).all()
