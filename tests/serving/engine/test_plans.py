"""Plans predict what the pipeline predicts: for every algorithm, any table, few rows and many."""

import warnings

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from registry.estimators import algorithms
from registry.training import pipelines
from serving.engine import plans, trees
from serving.inputs.reader import Reader, TypedRows

COLUMNS = [
    {"name": "colour", "type": "text", "nullable": True},
    {"name": "length", "type": "number", "nullable": True},
    {"name": "count", "type": "integer", "nullable": False},
    {"name": "wild", "type": "boolean", "nullable": True},
    {"name": "seen", "type": "date", "nullable": True},
]
# What one algorithm needs to be trained on a table of mixed columns, or at all in a test's time.
PARAMS = {
    "IsotonicRegression": None,  # one column only
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


def table(count=60, seed=0, classes=3) -> pandas.DataFrame:
    random = np.random.default_rng(seed)
    length = random.normal(5, 2, count).round(2)
    frame = pandas.DataFrame(
        {
            "colour": pandas.Series(random.choice(["red", "blue", "missing", None], count), dtype="str"),
            "length": np.where(random.random(count) < 0.1, np.nan, length),
            "count": random.integers(0, 50, count).astype(float),
            "wild": pandas.array(random.choice([True, False, None], count), dtype="boolean"),
            "seen": pandas.to_datetime(
                random.choice(["2026-01-01", "2024-02-29 12:30:01.123456", None], count), format="ISO8601"
            ).as_unit("us"),
        }
    )
    frame["kind"] = [f"k{value % classes}" for value in random.integers(0, 100, count)]
    frame["size"] = length * 3 + random.normal(0, 0.1, count).round(3) + 20
    return frame


def fit(algorithm, frame, params, target=None, features=None):
    target = target or {"regression": "size"}.get(algorithm.task, "kind")
    answer = {"name": target, "type": "text" if target == "kind" else "number", "nullable": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipelines.fit(
            frame, columns=[*COLUMNS, answer], features=features, target=target, algorithm=algorithm,
            params=params, test_size=0.25, random_state=0,
        )  # fmt: skip


def edge_rows() -> pandas.DataFrame:
    rows = [
        [None] * 5,
        ["ultraviolet", 5.0, 3, True, "2026-01-01"],
        ["", -1e9, 10**9, False, "1950-01-01"],
        ["missing", 1e9, -1, None, "2200-12-31T23:59:59"],
    ]
    return Reader(COLUMNS).from_rows(rows).frame()


def assert_same(plan, pipeline, frame):
    rows = TypedRows.of_frame(frame, COLUMNS)
    if plan.encoder:
        encoded, wanted = plan.encoder(rows), pipeline["columns"].transform(frame)
        np.testing.assert_array_equal(encoded, wanted)
        assert np.isfortran(encoded) == np.isfortran(wanted)  # sums are rounded by it
    has_chances = hasattr(pipeline, "predict_proba")
    predicted, chances = plan.run(rows, probabilities=has_chances)
    wanted = np.ravel(pipeline.predict(frame))
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(predicted, wanted, rtol=1e-6)
    else:
        assert predicted.tolist() == wanted.tolist()
        assert predicted.dtype == wanted.dtype
    if has_chances:
        np.testing.assert_allclose(chances, pipeline.predict_proba(frame), rtol=1e-6, atol=1e-12)


def assert_same_few_and_many(result, frame):
    plan = plans.compile_plan(result.pipeline, result.signature)
    typed = pandas.concat([edge_rows(), pipelines.feature_frame(frame, COLUMNS)], ignore_index=True)
    for rows in (typed, typed.iloc[:1], typed.iloc[1:4], typed.iloc[: plans.FEW_ROWS + 1]):
        assert_same(plan, result.pipeline, rows)
    return plan


PREDICTING = [algorithm for algorithm in algorithms.all_algorithms() if algorithm.can_predict]


@pytest.mark.parametrize("algorithm", PREDICTING, ids=lambda algorithm: algorithm.name)
def test_every_algorithm_predicts_by_its_plan_what_its_pipeline_predicts(algorithm):
    params = PARAMS.get(algorithm.name, {})
    if params is None:
        pytest.skip("it takes one column only")
    if "n_estimators" in {parameter.name for parameter in algorithm.parameters}:
        params = {"n_estimators": 12}
    plan = assert_same_few_and_many(fit(algorithm, table(), params), table(seed=1))
    assert plan.kind == ("trees" if algorithm.name in TREES else "estimator")


@st.composite
def tree_params(draw):
    name = draw(st.sampled_from(TREES))
    if name.startswith("Bagging"):  # with fewer columns it is no forest
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


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(tree_params(), st.integers(30, 80), st.integers(0, 10**6), st.sampled_from([2, 3]))
def test_trees_of_any_parameters_on_any_table_predict_the_same(drawn, count, seed, classes):
    name, params = drawn
    assume(not (params.get("loss") == "exponential" and classes > 2))
    frame = table(count, seed, classes)
    try:
        result = fit(algorithms.find(name), frame, params)
    except ValidationError:
        assume(False)
    assert_same_few_and_many(result, frame)


@pytest.mark.parametrize("name", ["RandomForestClassifier", "GradientBoostingClassifier"])
def test_many_trees_of_wide_rows_take_no_more_memory_than_a_call_may(name, monkeypatch):
    monkeypatch.setattr(trees, "MOST_CELLS", 1000)
    result = fit(algorithms.find(name), table(), {"n_estimators": 20})
    plan = assert_same_few_and_many(result, table(seed=1))
    asked = []
    monkeypatch.setattr(trees.Grove, "values", lambda grove, rows: asked.append(len(rows)))
    frame = pipelines.feature_frame(table(), COLUMNS).iloc[: plans.FEW_ROWS]
    plan.run(TypedRows.of_frame(frame, COLUMNS))
    assert not asked


@pytest.mark.parametrize("features", [["length", "count"], ["seen"], ["length", "seen"], ["colour"]], ids=str)
def test_arrays_lie_in_memory_as_the_pipelines_do(features):
    result = fit(algorithms.find("LogisticRegression"), table(), {}, features=features)
    inputs = result.signature["inputs"]
    plan = plans.compile_plan(result.pipeline, result.signature)
    frame = pipelines.feature_frame(table(seed=1), inputs)
    encoded = plan.encoder(TypedRows.of_frame(frame, inputs))
    assert np.isfortran(encoded) == np.isfortran(result.pipeline["columns"].transform(frame))


@pytest.mark.parametrize("column", range(3, 6))
def test_boosting_that_reorders_its_columns_is_asked_itself(column):
    params = {"categorical_features": [column], "max_iter": 3}
    result = fit(algorithms.find("HistGradientBoostingRegressor"), table(200), params)
    assert assert_same_few_and_many(result, table(seed=1)).kind == "estimator"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.text(max_size=4).filter(lambda text: "\0" not in text), min_size=20, max_size=60),
    st.sampled_from(["LogisticRegression", "KNeighborsClassifier", "MultinomialNB", "CategoricalNB"]),
)
def test_any_texts_are_encoded_alike(texts, name):
    frame = table(len(texts), len(texts), 2)
    frame["colour"] = pandas.Series(texts, dtype="str")
    assume(frame["kind"].value_counts().min() > 3 and frame["kind"].nunique() == 2)
    assert_same_few_and_many(fit(algorithms.find(name), frame, {}), frame)


@pytest.mark.parametrize(
    "name", ["RandomForestClassifier", "GradientBoostingRegressor", "AdaBoostClassifier"]
)
@pytest.mark.parametrize("count", [1, plans.FEW_ROWS + 1])
def test_a_number_beyond_the_trees_is_refused_by_the_pipelines_words(name, count):
    result = fit(algorithms.find(name), table(), {"n_estimators": 3})
    plan = plans.compile_plan(result.pipeline, result.signature)
    for beyond in (1e300, -1e39):
        rows = Reader(COLUMNS).from_rows([["red", beyond, 1, True, None]] * count)
        with pytest.raises(ValueError, match="too large"):
            plan.run(rows)


def test_a_step_that_is_not_known_is_left_to_the_pipeline():
    from sklearn.preprocessing import RobustScaler

    result = fit(algorithms.find("DecisionTreeClassifier"), table(), {})
    numbers = result.pipeline["columns"].named_transformers_["numbers"]
    values = result.pipeline["columns"].transform(pipelines.feature_frame(table(), COLUMNS))
    numbers.steps[1] = ("scale", RobustScaler().fit(values[:, :2]))
    plan = assert_same_few_and_many(result, table(seed=2))
    assert plan.kind == "pipeline"
    assert "RobustScaler" in plan.reason
