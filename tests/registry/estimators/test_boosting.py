"""Fits of the boosters of optional frameworks: labels, weights, early stopping, progress, ensembles."""

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from sklearn.base import clone

from registry import artifacts
from registry.estimators import algorithms, decision, wrappers
from registry.estimators.frameworks import early_stopping, extras, fitting
from registry.training import pipelines, validation
from registry.training.request import TrainingRequest
from tests.registry.estimators import boosters
from tests.serving.engine.fits import COLUMNS, fit, table

BOOSTERS = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier", "catboost": "CatBoostClassifier"}
STOPPING = {"n_estimators": 60, "max_depth": 3, "early_stopping_rounds": 5}
each_booster = pytest.mark.parametrize("name", [BOOSTERS[framework] for framework in boosters.INSTALLED])


def few_trees(name: str, count: int, **params) -> dict:
    return {"iterations" if name.startswith("Cat") else "n_estimators": count} | params


def trees(model) -> int:
    [estimator] = wrappers.fitted(model)
    if hasattr(estimator, "tree_count_"):
        return estimator.tree_count_
    if hasattr(estimator, "get_booster"):
        return estimator.get_booster().num_boosted_rounds()
    return estimator.booster_.current_iteration()


@each_booster
@pytest.mark.parametrize(
    "labels", [[True, False], [7, 3], ["no", "yes"], [0, 1, 2], ["a", "b", "c"]], ids=str
)
def test_classes_of_any_type_are_predicted_as_they_are(name, labels):
    estimator = algorithms.build(algorithms.find(name), few_trees(name, 3), 0)
    y, X = np.array(labels * 20), np.random.default_rng(0).normal(size=(20 * len(labels), 2))
    model = wrappers.with_labels(estimator)
    fitting.fit(model, X, y)
    assert model.classes_.tolist() == sorted(labels)
    assert {type(label) for label in model.predict(X).tolist()} == {type(labels[0])}


@each_booster
def test_early_stopping_grows_fewer_trees_and_keeps_the_request_for_the_next_fit(name):
    params = few_trees(name, 60, early_stopping_rounds=5, learning_rate=0.3)
    result = fit(algorithms.find(name), table(200), params)
    assert result.iterations == trees(result.pipeline["model"]) < 60
    assert result.parameters.items() >= params.items()
    again = wrappers.estimator_of(clone(result.pipeline)["model"]).get_params()
    assert again.items() >= params.items()


@each_booster
@pytest.mark.parametrize("options", [{"cv": 3}, {"refit": True}, {"calibration": "sigmoid"}], ids=str)
def test_early_stopping_works_in_folds_refits_and_calibrations(name, options):
    params = few_trees(name, 60, early_stopping_rounds=5, learning_rate=0.3)
    result = fit(algorithms.find(name), table(200, classes=2), params, **options)
    assert len(result.metrics.get("folds", ())) == options.get("cv", 0)
    assert trees(result.pipeline["model"]) < 60


@each_booster
def test_early_stopping_of_a_regression(name):
    params = few_trees(name, 60, early_stopping_rounds=5, learning_rate=0.9)
    result = fit(algorithms.find(name.replace("Classifier", "Regressor")), table(200), params)
    assert trees(result.pipeline["model"]) < 60


@each_booster
@pytest.mark.parametrize("options", [{"calibration": "sigmoid"}, {"threshold": 0.4}], ids=str)
def test_a_wrapped_booster_has_nothing_of_ours_in_its_artifact(name, options):
    result = fit(algorithms.find(name), table(200, classes=2), few_trees(name, 5), **options)
    file = artifacts.dump(result.pipeline).file
    file.seek(0)
    assert b"registry" not in file.read()


def test_the_rows_of_early_stopping_are_stratified():
    codes = np.repeat([0, 1, 2], [20, 40, 140])
    fitted, held = early_stopping.hold_out(codes, 200, groups=None, is_in_time=False, seed=0)
    assert np.bincount(codes[held]).tolist() == [2, 4, 14]
    assert sorted([*fitted, *held]) == list(range(200))


def test_the_rows_of_early_stopping_divide_no_group():
    groups = np.repeat(np.arange(20), 10)
    fitted, held = early_stopping.hold_out(None, 200, groups=groups, is_in_time=False, seed=0)
    assert not set(groups[fitted]) & set(groups[held])
    assert len(held) == 20


def test_the_rows_of_early_stopping_are_the_newest_of_a_split_by_time():
    blocks = np.random.default_rng(0).permutation(np.repeat(np.arange(50), 4))
    fitted, held = early_stopping.hold_out(None, 200, groups=blocks, is_in_time=True, seed=0)
    assert blocks[fitted].max() < blocks[held].min()
    assert len(held) == 20


@pytest.mark.parametrize("groups", [np.zeros(9, int), None], ids=["one group", "one row of a class"])
def test_too_few_rows_for_early_stopping_are_an_error(groups):
    codes = np.array([0] * 8 + [1]) if groups is not None else np.array([0, 1])
    with pytest.raises(ValueError, match="more training rows"):
        early_stopping.hold_out(codes, len(codes), groups=groups, is_in_time=False, seed=0)


def test_dropout_has_no_early_stopping_in_lightgbm():
    with pytest.raises(ValidationError, match="not possible with dropout"):
        fit(algorithms.find("LGBMClassifier"), table(60), STOPPING | {"boosting_type": "dart"})


@each_booster
def test_weights_count_as_repeated_rows(name):
    X = np.random.default_rng(0).normal(size=(80, 2))
    y, weights = np.where(X[:, 0] > 0.5, "yes", "no"), np.where(X[:, 1] > 0, 1.0, 3.0)
    models = [
        wrappers.with_labels(algorithms.build(algorithms.find(name), few_trees(name, 5), 0)) for _ in "ab"
    ]
    fitting.fit(models[0], X, y, weights)
    fitting.fit(models[1], X, y)
    assert not np.array_equal(models[0].predict_proba(X), models[1].predict_proba(X))


@pytest.mark.parametrize("name", ["XGBClassifier", "LGBMClassifier"])
def test_progress_is_reported_for_each_iteration_and_left_out_of_the_model(name):
    shares = []
    request = TrainingRequest(
        "xgboost" if name.startswith("XGB") else "lightgbm", name, {"n_estimators": 10}, "kind"
    )
    columns = [*COLUMNS, {"name": "kind", "type": "text", "nullable": False}]
    result = pipelines.fit(
        table(80).drop(columns="size"),
        columns=columns,
        request=request,
        progress=lambda stage, share: shares.append(share) if stage == "fitting" else None,
    )
    assert shares == [None, *(number / 10 for number in range(1, 11))]
    [estimator] = wrappers.fitted(result.pipeline["model"])
    assert estimator.get_params().get("callbacks") is None


def test_an_ensemble_of_boosters_keeps_their_categories_and_early_stopping():
    members = [
        {"module": "xgboost", "class": "XGBClassifier", "params": STOPPING},
        {"module": "lightgbm", "class": "LGBMClassifier", "params": STOPPING},
        {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 5}},
    ]
    params = {"members": members, "weights": None}
    result = fit(algorithms.find("VotingClassifier"), table(200), params)
    xgboost, lightgbm, _ = result.pipeline["model"].estimators_
    assert next(wrappers.fitted(xgboost["model"])).get_booster().feature_types[:2] == ["c", "c"]
    assert trees(xgboost["model"]) < 60
    assert trees(lightgbm["model"]) < 60


def test_the_same_seed_gives_the_same_model_whatever_the_number_of_threads(monkeypatch):
    rows = table(80).drop(columns=["kind", "size"])
    predicted = []
    for few in (0, 10**9):
        monkeypatch.setattr(fitting, "FEW_CELLS", few)
        result = fit(algorithms.find("LGBMClassifier"), table(200), {"n_estimators": 5, "subsample": 0.5})
        predicted.append(result.pipeline.predict_proba(rows))
    assert np.array_equal(*predicted)


@pytest.mark.parametrize("name", [BOOSTERS[one] for one in boosters.INSTALLED if one != "catboost"])
@pytest.mark.parametrize(("threshold", "calibration"), [(0.3, None), (None, "sigmoid")])
def test_weights_count_in_a_model_with_a_threshold_or_a_calibration(name, threshold, calibration):
    X = np.random.default_rng(0).normal(size=(80, 2))
    y, weights = np.where(X[:, 0] > 0.5, "yes", "no"), np.where(X[:, 1] > 0, 1.0, 3.0)
    probabilities = []
    for given in (weights, np.ones(80)):
        booster = algorithms.build(algorithms.find(name), few_trees(name, 5), 0)
        model = decision.wrap(booster, y, threshold=threshold, calibration=calibration)
        decision.divide(model, y, groups=None, random_state=0)
        fitting.fit(model, X, y, given)
        probabilities.append(model.predict_proba(X))
    assert not np.array_equal(*probabilities)


@pytest.mark.skipif("catboost" not in boosters.INSTALLED, reason="CatBoost is not installed")
def test_weights_that_catboost_does_not_get_in_a_threshold_are_refused():
    options = {"columns": COLUMNS, "target": "length", "algorithm": algorithms.find("CatBoostClassifier")}
    validation.check_weight_column("count", **options)
    with pytest.raises(ValidationError, match="weights with a threshold or calibration"):
        validation.check_weight_column("count", **options, is_wrapped=True)


@pytest.mark.skipif("lightgbm" not in extras.installed(), reason="LightGBM is not installed")
def test_lightgbm_takes_no_memory_for_leaves_that_the_rows_cannot_fill():
    estimator = algorithms.build(algorithms.find("LGBMClassifier"), few_trees("LGBMClassifier", 2), 0)
    estimator.set_params(num_leaves=131_072)
    X = np.random.default_rng(0).normal(size=(60, 2))
    fitting.fit(estimator, X, X[:, 0] > 0)
    assert estimator.booster_.params["num_leaves"] == 60
    assert estimator.get_params()["num_leaves"] == 131_072


@pytest.mark.parametrize(
    ("name", "params", "stops"),
    [
        ("HistGradientBoostingRegressor", {"early_stopping": True, "max_iter": 40}, True),
        ("HistGradientBoostingRegressor", {"early_stopping": False, "max_iter": 3}, False),
        ("GradientBoostingRegressor", {"n_iter_no_change": 2, "n_estimators": 40}, True),
        ("GradientBoostingRegressor", {"n_estimators": 3}, False),
        ("DecisionTreeRegressor", {}, False),
    ],
)
def test_the_iterations_of_an_estimator_that_could_stop_early_are_known(name, params, stops):
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = algorithms.build(algorithms.find(name), params, 0).fit(X, X[:, 0])
    assert (early_stopping.iterations(model) is not None) == stops
    if stops:
        assert 1 <= early_stopping.iterations(model) <= 40


def test_the_page_and_the_api_show_the_iterations_of_a_fit_with_early_stopping(make_version, page, api):
    version = make_version(
        random_state=0,
        module="ensemble",
        class_name="GradientBoostingClassifier",
        params={"n_iter_no_change": 1},
    )
    shown = "1 iteration" if version.iterations == 1 else f"{version.iterations} iterations"
    assert f"Fitted {shown}, with early stopping." in page.get("/registry/models/flowers/1/").text
    assert api.get("/models/flowers/1").json()["iterations"] == version.iterations >= 1
