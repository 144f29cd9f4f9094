"""Every way to prepare a column is encoded as the pipeline encodes it, and predicted alike."""

import numpy as np
import pandas
import pytest

from registry.estimators import algorithms
from registry.training import pipelines
from registry.training.columns import feature_frame
from registry.training.request import TrainingRequest
from serving.engine import inference
from serving.inputs.reader import Reader, TypedRows

COLUMNS = [
    {"name": "size", "type": "number", "nullable": True},
    {"name": "city", "type": "text", "nullable": True},
    {"name": "open", "type": "boolean", "nullable": True},
    {"name": "at", "type": "date", "nullable": True},
    {"name": "paid", "type": "date", "nullable": False},
    {"name": "review", "type": "text", "nullable": True},
]
WORDS = [f"word{number}" for number in range(150)]


def table(count=400, seed=0) -> pandas.DataFrame:
    random = np.random.default_rng(seed)

    def with_gaps(values):
        return [None if gap else value for gap, value in zip(random.random(count) < 0.1, values, strict=True)]

    at = pandas.Timestamp("1968-01-01") + pandas.to_timedelta(random.integers(0, 30_000, count), unit="h")
    return pandas.DataFrame(
        {
            "size": pandas.Series(with_gaps(random.normal(size=count)), dtype="float64"),
            "city": pandas.Series(
                with_gaps([f"city {n}" for n in random.integers(0, 60, count)]), dtype="str"
            ),
            "open": pandas.array(with_gaps((random.random(count) < 0.5).tolist()), dtype="boolean"),
            "at": pandas.Series(with_gaps(at), dtype="datetime64[us]"),
            "paid": pandas.Series(at + pandas.Timedelta(days=3, microseconds=7), dtype="datetime64[us]"),
            "review": pandas.Series(
                with_gaps([" ".join(random.choice(WORDS, 6)) for _ in range(count)]), dtype="str"
            ),
            "kind": pandas.Series(random.choice(["a", "b", "c"], count), dtype="str"),
            "price": random.normal(10, 1, count),
        }
    )


def fit(name, *, target="kind", **options):
    kind = {"kind": "text", "price": "number"}[target]
    options = {"target": target, "test_size": 0.25, "random_state": 0} | options
    return pipelines.fit(
        table(),
        columns=[*COLUMNS, {"name": target, "type": kind, "nullable": False}],
        request=TrainingRequest(algorithms.find(name).module, name, **options),
    )


def edge_rows() -> pandas.DataFrame:
    rows = [
        [None] * 6,
        [1e9, "a city never seen", True, "2200-12-31T23:59:59.999999", "1900-02-28", "nothing known"],
        [-1e9, "", False, "1950-01-01", "1969-12-31T23:00:00", ""],
    ]
    return Reader(COLUMNS).from_rows(rows).to_frame()


def assert_engine_predicts_as_the_pipeline(result, kind):
    engine = inference.build(result.pipeline, result.signature)
    assert (engine.kind, engine.reason) == (kind, "")
    typed = pandas.concat([edge_rows(), feature_frame(table(seed=1), COLUMNS)], ignore_index=True)
    for frame in (typed, typed.iloc[:1], typed.iloc[1:3], typed.iloc[3:20]):
        rows = TypedRows.from_frame(frame, COLUMNS)
        np.testing.assert_array_equal(engine.encoder(rows), result.pipeline["columns"].transform(frame))
        predictions, probabilities = engine.predict(rows, probabilities=result.signature["probabilities"])
        expected = np.ravel(result.pipeline.predict(frame))
        if probabilities is None:
            np.testing.assert_allclose(predictions, expected, rtol=1e-9)
        else:
            assert predictions.tolist() == expected.tolist()
            np.testing.assert_allclose(probabilities, result.pipeline.predict_proba(frame), rtol=1e-9)


def prepared(result) -> dict[str, str]:
    return {choice["column"]: choice["prepare"] for choice in result.preparation}


def test_boosting_gets_native_categories_numbers_with_gaps_and_parts_of_dates():
    result = fit("HistGradientBoostingClassifier", params={"max_iter": 10})
    assert prepared(result) == {
        "size": "as_is", "city": "native", "open": "native", "at": "date_parts", "paid": "date_parts",
        "review": "words",
    }  # fmt: skip
    assert any(
        tree.nodes["is_categorical"].any() for stage in result.pipeline["model"]._predictors for tree in stage
    )
    assert_engine_predicts_as_the_pipeline(result, "trees")


def test_a_linear_model_gets_scaled_numbers_target_means_and_waves():
    result = fit("LogisticRegression")
    assert prepared(result) == {
        "size": "scale", "city": "target_mean", "open": "one_hot", "at": "date_parts", "paid": "date_parts",
        "review": "words",
    }  # fmt: skip
    assert_engine_predicts_as_the_pipeline(result, "estimator")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("HistGradientBoostingRegressor", "trees"), ("RandomForestRegressor", "trees"),
        ("ExtraTreesRegressor", "trees"),
        ("DecisionTreeRegressor", "trees"), ("GradientBoostingRegressor", "trees"), ("Ridge", "estimator"),
        ("KNeighborsRegressor", "estimator"),
    ],
)  # fmt: skip
def test_regressors_predict_from_every_kind_of_column(name, kind):
    result = fit(name, target="price")
    assert_engine_predicts_as_the_pipeline(result, kind)


def test_more_categories_than_boosting_has_bins_become_target_means():
    result = fit("HistGradientBoostingRegressor", target="price", params={"max_bins": 20, "max_iter": 5})
    assert (prepared(result)["city"], prepared(result)["open"]) == ("target_mean", "native")
    assert_engine_predicts_as_the_pipeline(result, "trees")


def test_requested_choices_are_used_and_predicted_alike():
    prepare = {"city": "native", "review": "one_hot", "open": "target_mean", "size": "scale"}
    params = {"max_bins": 20, "max_iter": 5}
    result = fit("HistGradientBoostingClassifier", params=params, prepare=prepare)
    assert {column: prepared(result)[column] for column in prepare} == prepare
    assert_engine_predicts_as_the_pipeline(result, "trees")


@pytest.mark.parametrize("name", ["LogisticRegression", "Ridge"])
def test_an_indicator_of_gaps_is_encoded_alike(name):
    result = fit(
        name, target="price" if name == "Ridge" else "kind", prepare={"size": "scale_with_indicator"}
    )
    assert prepared(result)["size"] == "scale_with_indicator"
    assert_engine_predicts_as_the_pipeline(result, "estimator")
