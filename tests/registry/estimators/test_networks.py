"""Fits of dense networks with PyTorch: labels, categories, weights, early stopping, progress, what is saved."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from sklearn.base import clone

from registry import artifacts
from registry.estimators import algorithms, wrappers
from registry.estimators.frameworks import extras, fitting
from registry.search.folds import Folds
from registry.training import cross_validation, pipelines
from registry.training.columns import feature_frame
from tests.serving.engine.fits import COLUMNS, columns_of, fit, request_of, table

pytestmark = pytest.mark.skipif("torch" not in extras.installed(), reason="PyTorch is not installed")

QUICK = {"max_epochs": 3, "hidden_units": 8}
CLASSIFIER, REGRESSOR = "TorchMLPClassifier", "TorchMLPRegressor"


def build(name=CLASSIFIER, **params):
    return algorithms.build(algorithms.find(name), QUICK | params, 0)


def fitted(X, y, weights=None, *, name=CLASSIFIER, report=None, categories=0, groups=None, **params):
    estimator = build(name, **params)
    fitting.set_native_categories(estimator, categories)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitting.fit(estimator, X, y, weights, seed=0, report=report, groups=groups)
    return estimator


def rows(count=60, columns=3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, columns))


@pytest.mark.parametrize(
    "labels", [[True, False], [7, 3], ["no", "yes"], [0, 1, 2], ["a", "b", "c"]], ids=str
)
def test_classes_of_any_type_are_predicted_as_they_are(labels):
    X = rows(20 * len(labels))
    model = fitted(X, np.array(labels * 20))
    assert model.classes_.tolist() == sorted(labels)
    assert {type(label) for label in model.predict(X).tolist()} == {type(labels[0])}
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_a_network_learns_what_a_linear_model_cannot():
    X = np.random.default_rng(0).uniform(-1, 1, size=(400, 2))
    model = fitted(X, X[:, 0] * X[:, 1] > 0, max_epochs=40, hidden_units=32, lr=0.02)
    assert (model.predict(X) == (X[:, 0] * X[:, 1] > 0)).mean() > 0.95


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_target_of_any_scale_is_standardized(loss):
    X = rows(100)
    y = 1e9 + 1e6 * X[:, 0]
    model = fitted(X, y, name=REGRESSOR, loss=loss, max_epochs=60, lr=0.02)
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.95
    assert abs(model.predict(X).mean() - y.mean()) < 3e5


def test_a_constant_target_is_predicted():
    np.testing.assert_allclose(fitted(rows(), np.full(60, 5.0), name=REGRESSOR).predict(rows()), 5, atol=0.5)


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    X, y = rows(), rows()[:, 0] > 0
    first, again, other = (fitted(X, y, random_state=seed).predict_proba(X) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fit_leaves_the_random_state_and_threads_of_the_process_as_they_were():
    import torch

    torch.manual_seed(5)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    fitted(rows(), rows()[:, 0] > 0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_categories_are_told_apart_and_unseen_ones_are_like_their_mean():
    codes = np.repeat([0.0, 1.0, 2.0], 40)
    X = np.column_stack([codes, np.zeros(120)])
    model = fitted(X, codes, name=REGRESSOR, categories=1, max_epochs=80, lr=0.02, dropout=0.0)
    predicted = model.predict([[code, 0] for code in (0, 1, 2, np.nan, 99)])
    np.testing.assert_allclose(predicted[:3], [0, 1, 2], atol=0.2)
    assert 0.5 < predicted[3] < 1.5
    assert predicted[4] == predicted[3]


def test_a_missing_category_learns_an_embedding_of_its_own():
    codes = np.repeat([0.0, 1.0, np.nan], 40)
    X = np.column_stack([codes, np.zeros(120)])
    y = np.nan_to_num(codes, nan=9)
    model = fitted(X, y, name=REGRESSOR, categories=1, max_epochs=80, lr=0.02, dropout=0.0)
    assert model.predict([[np.nan, 0]])[0] > 8


@pytest.mark.parametrize("categories", [1, 2])
def test_a_column_without_any_category_is_fitted(categories):
    X = np.column_stack([np.full(60, np.nan), np.zeros(60)])
    assert np.isfinite(fitted(X, rows()[:, 0] > 0, categories=categories).predict_proba(X)).all()


def test_early_stopping_ends_before_the_last_epoch_and_keeps_the_best_weights():
    X, y = rows(200), np.random.default_rng(1).random(200) > 0.5
    model = fitted(X, y, max_epochs=60, patience=3, lr=0.05)
    assert model.epochs_ < 60
    assert int(np.argmin(model.loss_curve_)) < model.epochs_ - 1


def test_without_patience_or_with_few_rows_all_epochs_are_fitted():
    assert fitted(rows(200), rows(200)[:, 0] > 0, patience=0, max_epochs=5).epochs_ == 5
    assert fitted(rows(40), rows(40)[:, 0] > 0, patience=1, max_epochs=5).epochs_ == 5
    assert (
        fitted(rows(60), rows(60)[:, 0] > 0, patience=1, max_epochs=5, groups=np.zeros(60, int)).epochs_ == 5
    )


@pytest.mark.parametrize("schedule", ["plateau", "cosine", "constant"])
def test_every_schedule_of_the_learning_rate_fits(schedule):
    assert fitted(rows(), rows()[:, 0] > 0, lr_schedule=schedule).epochs_ == 3


def test_a_network_without_hidden_layers_is_linear():
    X = rows(100)
    model = fitted(X, X[:, 0], name=REGRESSOR, hidden_layers=0)
    middle = model.predict((X[:1] + X[1:2]) / 2)
    np.testing.assert_allclose(middle, model.predict(X[:2]).mean(), rtol=1e-9)


def test_weights_of_rows_and_of_classes_count():
    X = rows(80)
    y, weights = np.where(X[:, 0] > 0.8, "yes", "no"), np.where(X[:, 1] > 0, 1.0, 3.0)
    plain, weighted, balanced = (
        fitted(X, y, weights, max_epochs=10, **params).predict_proba(X)[:, 1]
        for weights, params in ((None, {}), (weights, {}), (None, {"class_weight": "balanced"}))
    )
    assert not np.array_equal(plain, weighted)
    assert balanced.mean() > plain.mean()


@pytest.mark.parametrize("value", [1e300, -1e30], ids=str)
def test_a_loss_that_is_no_number_is_an_error_with_a_remedy(value):
    X = rows()
    X[:, 0] *= value
    with pytest.raises(ValueError, match=r"not a number after epoch 1\. Use a smaller `lr`"):
        fitted(X, X[:, 1], name=REGRESSOR, lr=1.0)


def test_progress_is_reported_for_each_epoch_and_left_out_of_the_model():
    shares = []
    model = fitted(rows(), rows()[:, 0] > 0, report=shares.append)
    assert shares == [1 / 3, 2 / 3, 1]
    assert model.get_params()["fit_options"] is None


def test_a_gpu_that_is_not_there_is_replaced_by_the_cpu_with_a_warning(settings):
    import torch

    settings.DEVICE = "cuda"
    if torch.cuda.is_available():
        assert fitted(rows(), rows()[:, 0] > 0).epochs_ == 3
        return
    with pytest.warns(UserWarning, match="PyTorch cannot use such a device on this server"):
        fitting.fit(build(), rows(), rows()[:, 0] > 0)


@pytest.mark.skipif("xgboost" not in extras.installed(), reason="XGBoost is not installed")
def test_xgboost_without_cuda_is_fitted_on_the_cpu_with_a_warning(settings):
    settings.DEVICE = "cuda"
    booster = algorithms.build(algorithms.find("XGBRegressor"), {"n_estimators": 2}, 0)
    with pytest.warns(UserWarning, match="XGBoost cannot use such a device on this server"):
        fitting.fit(booster, rows(), rows()[:, 0])
    assert booster.get_params()["device"] is None


def test_columns_are_scaled_and_categories_become_embeddings():
    result = fit(algorithms.find(CLASSIFIER), table(120), QUICK)
    prepared = {choice["column"]: choice["prepare"] for choice in result.preparation}
    assert (prepared["colour"], prepared["wild"], prepared["count"]) == ("native", "native", "scale")
    assert "embeddings" in next(choice["reason"] for choice in result.preparation)
    assert result.parameters.items() >= (QUICK | {"dropout": 0.1, "patience": 20}).items()
    assert "fit_options" not in result.parameters


@pytest.mark.parametrize(
    "options", [{"calibration": "sigmoid"}, {"threshold": {"metric": "f1"}}, {}], ids=str
)
def test_an_artifact_loads_without_pytorch_and_without_this_code(options, tmp_path):
    result = fit(algorithms.find(CLASSIFIER), table(150, classes=2), QUICK, **options)
    with artifacts.dump(result.pipeline).file as file:
        file.seek(0)
        content = file.read()
    assert b"registry" not in content
    assert b"torch" not in content
    (tmp_path / "model.joblib").write_bytes(content)
    table(20).drop(columns=["kind", "size"]).to_parquet(tmp_path / "rows.parquet")
    code = (
        "import joblib, pandas, sys; model = joblib.load('model.joblib'); rows = pandas.read_parquet('rows.parquet');"
        "print(','.join(model.predict(rows))); "
        "assert not {'registry', 'serving', 'django', 'torch', 'skorch'} & set(sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    assert printed.strip().split(",") == result.pipeline.predict(feature_frame(table(20), COLUMNS)).tolist()


@pytest.mark.parametrize("options", [{"cv": 2}, {"refit": True}], ids=str)
def test_a_clone_is_fitted_as_was_requested(options):
    params = QUICK | {"patience": 2}
    result = fit(algorithms.find(CLASSIFIER), table(150, classes=2), params, **options)
    again = wrappers.estimator_of(clone(result.pipeline)["model"]).get_params()
    assert again.items() >= params.items()


def test_an_ensemble_has_networks_as_members():
    members = [
        {"module": "torch", "class": CLASSIFIER, "params": QUICK},
        {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 5}},
    ]
    result = fit(algorithms.find("VotingClassifier"), table(150), {"members": members, "weights": None})
    network = result.pipeline["model"].estimators_[0]["model"]
    assert network.categories == 2
    with artifacts.dump(result.pipeline).file as file:
        file.seek(0)
        assert b"registry" not in file.read()


def test_a_trial_of_a_group_predicts_the_rows_of_its_fold():
    request = request_of(algorithms.find(CLASSIFIER), QUICK)
    inputs, _, split = pipelines.split_rows(table(120), columns_of(request), request, None, [])
    positions = cross_validation.folds(split.y_train, task="classification", cv=3, random_state=0)
    folds = Folds(split, positions, inputs=inputs, task="classification", max_bytes=1e6)
    outputs = folds.outputs(request, 0)
    assert outputs.probabilities.shape == (len(positions[0][1]), 3)


def test_groups_are_not_divided_by_early_stopping():
    groups, seen = np.repeat(np.arange(20), 10), []
    options = fitting._network_options(1, groups=groups, is_in_time=False, seed=0)
    seen = [set(groups[part]) for part in options.hold_out(None, 200)]
    assert not seen[0] & seen[1]
    assert [len(part) for part in options.hold_out(None, 100)] == [
        90,
        10,
    ]  # of a fold, whose groups are unknown


def test_a_parameter_of_the_other_task_is_refused_with_the_reason():
    with pytest.raises(ValidationError, match="loss of TorchMLPClassifier cannot be set: it follows from"):
        build(loss="huber")
    with pytest.raises(
        ValidationError, match="class_weight of TorchMLPRegressor cannot be set: it is for classes"
    ):
        build(REGRESSOR, class_weight="balanced")


def test_a_training_says_which_device_it_used_instead(settings):
    settings.DEVICE = "cuda"
    request = request_of(algorithms.find(REGRESSOR), QUICK)
    import torch

    warnings_of_job = pipelines.fit(table(80), columns=columns_of(request), request=request).warnings
    assert any("fitted on the CPU" in text for text in warnings_of_job) != torch.cuda.is_available()
