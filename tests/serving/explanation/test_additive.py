"""Explanations of trees and linear models add up to the prediction, for columns of every type."""

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor

from registry.estimators.algorithms import find
from serving.engine.encoder import Encoder
from serving.explanation import additive
from serving.inputs.reader import TypedRows
from tests.serving.engine import fits

TREE_CLASSIFIERS = [
    ("DecisionTreeClassifier", {}), ("ExtraTreeClassifier", {}), ("RandomForestClassifier", {"n_estimators": 5}),
    ("ExtraTreesClassifier", {"n_estimators": 5}), ("BaggingClassifier", {}),
    ("GradientBoostingClassifier", {"n_estimators": 5}), ("HistGradientBoostingClassifier", {"max_iter": 5}),
]  # fmt: skip
LINEAR_CLASSIFIERS = [
    (name, {})
    for name in (
        "LogisticRegression", "LogisticRegressionCV", "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier",
        "Perceptron", "PassiveAggressiveClassifier", "LinearSVC", "LinearDiscriminantAnalysis",
    )
]  # fmt: skip
TREE_REGRESSORS = [
    ("DecisionTreeRegressor", {}), ("ExtraTreeRegressor", {}), ("RandomForestRegressor", {"n_estimators": 5}),
    ("ExtraTreesRegressor", {"n_estimators": 5}), ("BaggingRegressor", {}),
    ("GradientBoostingRegressor", {"n_estimators": 5}), ("HistGradientBoostingRegressor", {"max_iter": 5}),
    ("HistGradientBoostingRegressor", {"max_iter": 5, "loss": "poisson"}),
]  # fmt: skip
LINEAR_REGRESSORS = [
    (name, {})
    for name in (
        "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "LassoLars", "Lars", "ElasticNet", "BayesianRidge",
        "ARDRegression", "HuberRegressor", "SGDRegressor", "LinearSVR", "QuantileRegressor", "PoissonRegressor",
        "GammaRegressor", "TweedieRegressor", "OrthogonalMatchingPursuit", "PLSRegression",
    )
]  # fmt: skip


def explained(name, params, *, classes=3):
    """The additive model of a fit on columns of every type, its encoded held-out rows, and the pipeline with these."""
    result = fits.fit_pipeline(find(name), fits.table(classes=classes), params)
    encoder = Encoder(result.pipeline["columns"], result.signature["inputs"])
    encoded = encoder(TypedRows.from_frame(result.held_out, result.signature["inputs"]))
    model = additive.of(result.pipeline["model"], encoded.mean(axis=0), encoded)
    return model, encoded, result.pipeline, result.held_out


def output_of(pipeline, rows, unit, place):
    if unit == additive.PROBABILITY:
        return pipeline.predict_proba(rows)[:, place]
    if unit == additive.LOG_ODDS:
        probabilities = pipeline.predict_proba(rows)
        return np.log(probabilities[:, place] / probabilities[:, 1 - place])
    if unit == additive.SCORE:
        scores = pipeline.decision_function(rows)
        return scores[:, place] if scores.ndim == 2 else (2 * place - 1) * scores
    predicted = np.ravel(pipeline.predict(rows))
    return np.log(predicted) if unit == additive.LOG_VALUE else predicted


def assert_adds_up(model, encoded, pipeline, rows):
    for place in range(len(model.outputs)):
        expected = output_of(pipeline, rows, model.unit, place)
        sums = [base + parts.sum() for base, parts in (model.explain(row, place) for row in encoded)]
        assert sums == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("name", "params"), TREE_CLASSIFIERS + LINEAR_CLASSIFIERS)
def test_contributions_to_each_class_add_up(name, params, classes):
    model, *rest = explained(name, params, classes=classes)
    assert model.method == ("tree_shap" if (name, params) in TREE_CLASSIFIERS else "linear")
    assert len(model.outputs) == classes
    assert_adds_up(model, *rest)


@pytest.mark.parametrize(("name", "params"), TREE_REGRESSORS + LINEAR_REGRESSORS)
def test_contributions_to_a_number_add_up(name, params):
    model, *rest = explained(name, params)
    assert model.method == ("tree_shap" if (name, params) in TREE_REGRESSORS else "linear")
    assert_adds_up(model, *rest)


def test_an_exponential_loss_is_explained_in_log_odds():
    model, *rest = explained(
        "GradientBoostingClassifier", {"loss": "exponential", "n_estimators": 5}, classes=2
    )
    assert model.unit == "log_odds"
    assert_adds_up(model, *rest)


@pytest.mark.parametrize(
    "name", ["KNeighborsClassifier", "GaussianNB", "MLPClassifier", "AdaBoostClassifier", "SVC"]
)
def test_what_is_no_sum_is_not_explained_as_one(name):
    assert explained(name, {})[0] is None


def test_a_linear_contribution_is_the_distance_from_the_mean_times_the_coefficient():
    model, encoded, pipeline, _ = explained("Ridge", {})
    _, contributions = model.explain(encoded[0], 0)
    assert contributions == pytest.approx(pipeline["model"].coef_ * (encoded[0] - encoded.mean(axis=0)))


def test_forests_with_too_many_leaves_are_not_explained_exactly(monkeypatch):
    monkeypatch.setattr(additive, "MAX_COMPARISONS", 10)
    assert explained("RandomForestClassifier", {"n_estimators": 2})[0] is None


@pytest.mark.parametrize("name", ["HistGradientBoostingClassifier", "RandomForestRegressor", "Ridge"])
def test_each_encoded_column_is_made_of_one_input(name):
    """Changing an input changes the encoded columns that name it as their source, and no others."""
    result = fits.fit_pipeline(find(name), fits.table(), {})
    inputs = result.signature["inputs"]
    encoder, rows = Encoder(result.pipeline["columns"], inputs), result.held_out
    encoded = encoder(TypedRows.from_frame(rows, inputs))
    for number, column in enumerate(inputs):
        changed = rows.assign(**{column["name"]: rows[column["name"]].to_numpy()[::-1]})
        changed[column["name"]] = changed[column["name"]].astype(rows[column["name"]].dtype)
        again = encoder(TypedRows.from_frame(changed, inputs))
        moved = ~((encoded == again) | (np.isnan(encoded) & np.isnan(again))).all(axis=0)
        assert moved.any() and set(np.array(encoder.sources)[moved]) == {number}


def test_a_linear_function_is_not_concluded_from_one_row():
    X = np.random.default_rng(0).normal(size=(50, 2))
    model = PoissonRegressor().fit(X, np.exp(X[:, 0]))
    assert additive.of(model, X.mean(axis=0), X[:1]) is None
    assert additive.of(model, X.mean(axis=0), X[:2]).unit == "log_value"
