"""Fits of dense networks with PyTorch and Keras: labels, categories, weights, early stopping, progress."""

import os
import random

import numpy as np
import pytest

from registry.estimators import algorithms
from registry.estimators.frameworks import extras, fitting
from tests.registry.estimators.networks import CLASSIFIER, QUICK, REGRESSOR, rows


@pytest.mark.parametrize(
    "labels", [[True, False], [7, 3], ["no", "yes"], [0, 1, 2], ["a", "b", "c"]], ids=str
)
def test_classes_of_any_type_are_predicted_as_they_are(fitted, labels):
    X = rows(20 * len(labels))
    model = fitted(X, np.array(labels * 20))
    assert model.classes_.tolist() == sorted(labels)
    assert {type(label) for label in model.predict(X).tolist()} == {type(labels[0])}
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_a_network_learns_what_a_linear_model_cannot(fitted):
    X = np.random.default_rng(0).uniform(-1, 1, size=(400, 2))
    model = fitted(X, X[:, 0] * X[:, 1] > 0, max_epochs=40, hidden_units=32, lr=0.05, batch_size=128)
    assert (model.predict(X) == (X[:, 0] * X[:, 1] > 0)).mean() > 0.95


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_target_of_any_scale_is_standardized(fitted, loss):
    X = rows(100)
    y = 1e9 + 1e6 * X[:, 0]
    model = fitted(X, y, name=REGRESSOR, loss=loss, max_epochs=60, lr=0.05, batch_size=128)
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.95
    assert abs(model.predict(X).mean() - y.mean()) < 3e5


def test_a_constant_target_is_predicted(fitted):
    model = fitted(rows(), np.full(60, 5.0), name=REGRESSOR, max_epochs=40, lr=0.02)
    np.testing.assert_allclose(model.predict(rows()), 5, atol=0.5)


def test_the_same_seed_gives_the_same_network_and_another_seed_another(fitted):
    X, y = rows(), rows()[:, 0] > 0
    first, again, other = (fitted(X, y, random_state=seed).predict_proba(X) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fit_leaves_the_random_state_and_threads_of_the_process_as_they_were(fitted):
    import torch

    def drawn() -> list[float]:
        return [*torch.rand(3).tolist(), random.random(), np.random.random()]

    before = torch.get_rng_state(), random.getstate(), np.random.get_state()
    expected, threads = drawn(), torch.get_num_threads()
    torch.set_rng_state(before[0])
    random.setstate(before[1])
    np.random.set_state(before[2])
    fitted(rows(), rows()[:, 0] > 0)
    assert drawn() == expected
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_categories_are_told_apart_and_unseen_ones_are_like_their_mean(fitted):
    codes = np.repeat([0.0, 1.0, 2.0], 40)
    X = np.column_stack([codes, np.zeros(120)])
    model = fitted(X, codes, name=REGRESSOR, categories=1, max_epochs=80, lr=0.02, dropout=0.0)
    predicted = model.predict([[code, 0] for code in (0, 1, 2, np.nan, 99)])
    np.testing.assert_allclose(predicted[:3], [0, 1, 2], atol=0.2)
    assert 0.5 < predicted[3] < 1.5
    assert predicted[4] == predicted[3]


def test_a_missing_category_learns_an_embedding_of_its_own(fitted):
    codes = np.repeat([0.0, 1.0, np.nan], 40)
    X = np.column_stack([codes, np.zeros(120)])
    y = np.nan_to_num(codes, nan=9)
    model = fitted(X, y, name=REGRESSOR, categories=1, max_epochs=80, lr=0.02, dropout=0.0)
    assert model.predict([[np.nan, 0]])[0] > 8


@pytest.mark.parametrize("categories", [1, 2])
def test_a_column_without_any_category_is_fitted(fitted, categories):
    X = np.column_stack([np.full(60, np.nan), np.zeros(60)])
    assert np.isfinite(fitted(X, rows()[:, 0] > 0, categories=categories).predict_proba(X)).all()


def test_keras_runs_on_pytorch_whatever_the_environment_has_for_other_programs(monkeypatch):
    keras_network = pytest.importorskip("registry.estimators.networks.keras_network", exc_type=ImportError)
    assert keras_network.keras.backend.backend() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with keras_network._settings():
        assert os.environ["KERAS_BACKEND"] == "torch"
    assert {name for name in os.environ if name.startswith("KERAS")} == {"KERAS_BACKEND"}
    assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_early_stopping_ends_before_the_last_epoch_and_keeps_the_best_weights(fitted):
    X, y = rows(200), np.random.default_rng(1).random(200) > 0.5
    model = fitted(X, y, max_epochs=60, patience=3, lr=0.05)
    assert model.epochs_ < 60
    assert int(np.argmin(model.loss_curve_)) < model.epochs_ - 1


def test_without_patience_or_with_few_rows_all_epochs_are_fitted(fitted):
    assert fitted(rows(200), rows(200)[:, 0] > 0, patience=0, max_epochs=5).epochs_ == 5
    assert fitted(rows(40), rows(40)[:, 0] > 0, patience=1, max_epochs=5).epochs_ == 5
    assert (
        fitted(rows(60), rows(60)[:, 0] > 0, patience=1, max_epochs=5, groups=np.zeros(60, int)).epochs_ == 5
    )


@pytest.mark.parametrize("schedule", ["plateau", "cosine", "constant"])
def test_every_schedule_of_the_learning_rate_fits(fitted, schedule):
    assert fitted(rows(), rows()[:, 0] > 0, lr_schedule=schedule).epochs_ == 3


def test_a_network_without_hidden_layers_is_linear(fitted):
    X = rows(100)
    model = fitted(X, X[:, 0], name=REGRESSOR, hidden_layers=0)
    middle = model.predict((X[:1] + X[1:2]) / 2)
    np.testing.assert_allclose(middle, model.predict(X[:2]).mean(), rtol=1e-9)


def test_weights_of_rows_and_of_classes_count(fitted):
    X = rows(80)
    y, weights = np.where(X[:, 0] > 0.8, "yes", "no"), np.where(X[:, 1] > 0, 1.0, 3.0)
    plain, weighted, balanced = (
        fitted(X, y, weights, max_epochs=10, **params).predict_proba(X)[:, 1]
        for weights, params in ((None, {}), (weights, {}), (None, {"class_weight": "balanced"}))
    )
    assert not np.array_equal(plain, weighted)
    assert balanced.mean() > plain.mean()


@pytest.mark.parametrize("value", [1e300, -1e30], ids=str)
def test_a_loss_that_is_no_number_is_an_error_with_a_remedy(fitted, value):
    X = rows()
    X[:, 0] *= value
    with pytest.raises(ValueError, match=r"not a number after epoch 1\. Use a smaller `lr`"):
        fitted(X, X[:, 1], name=REGRESSOR, lr=1.0)


def test_progress_is_reported_for_each_epoch_and_left_out_of_the_model(fitted):
    shares = []
    model = fitted(rows(), rows()[:, 0] > 0, report=shares.append)
    assert shares == [1 / 3, 2 / 3, 1]
    assert model.get_params()["fit_options"] is None


def test_a_gpu_that_is_not_there_is_replaced_by_the_cpu_with_a_warning(fitted, algorithm, settings):
    import torch

    settings.DEVICE = "cuda"
    if torch.cuda.is_available():
        assert fitted(rows(), rows()[:, 0] > 0).epochs_ == 3
        return
    with pytest.warns(UserWarning, match="PyTorch cannot use such a device on this server"):
        fitting.fit(algorithms.build(algorithm(CLASSIFIER), QUICK, 0), rows(), rows()[:, 0] > 0)


@pytest.mark.skipif("xgboost" not in extras.installed(), reason="XGBoost is not installed")
def test_xgboost_without_cuda_is_fitted_on_the_cpu_with_a_warning(settings):
    settings.DEVICE = "cuda"
    booster = algorithms.build(algorithms.find("XGBRegressor"), {"n_estimators": 2}, 0)
    with pytest.warns(UserWarning, match="XGBoost cannot use such a device on this server"):
        fitting.fit(booster, rows(), rows()[:, 0])
    assert booster.get_params()["device"] is None
