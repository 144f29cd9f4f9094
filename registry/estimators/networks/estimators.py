"""Dense networks with embeddings of categories as estimators of scikit-learn. Only a fit imports their framework.

A fitted one predicts with `network_`, an estimator of scikit-learn, which is also what is saved in its place
(frameworks/portable.py): an artifact needs neither the framework nor our code. No Django.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from registry.estimators.networks import layers

TOLERANCE = 1e-6  # between the framework and numpy; about 1e-15 is usual


@dataclass(frozen=True, eq=False)
class FitOptions:
    """What the platform decides about one fit: the rows of early stopping, threads, the device and the progress.

    `hold_out` takes the codes of classes, or None, and the number of rows, and returns the positions of the rows to fit
    and of those to measure the loss on. It raises ValueError for too few rows.
    """

    hold_out: Callable[[np.ndarray | None, int], tuple[np.ndarray, np.ndarray]]
    threads: int = 1
    device: str = "cpu"
    report: Callable[[float], None] | None = None

    def __deepcopy__(self, memo) -> "FitOptions":
        return self  # by clone() of a wrapper


class _Network(BaseEstimator):
    """What the classifiers and the regressors share. `categories` is the number of columns of codes, which come first.

    Such a column has integers from 0, and NaN for a missing or unseen category. `framework` is the module that fits it.
    """

    framework: str

    def __init__(
        self,
        *,
        hidden_layers=2,
        hidden_units=128,
        activation="relu",
        dropout=0.1,
        embedding_size=None,
        lr=0.002,
        lr_schedule="plateau",
        weight_decay=0.01,
        batch_size=None,
        max_epochs=200,
        patience=20,
        random_state=None,
        class_weight=None,
        loss="squared_error",
        categories=0,
        fit_options=None,
    ):
        self.hidden_layers = hidden_layers
        self.hidden_units = hidden_units
        self.activation = activation
        self.dropout = dropout
        self.embedding_size = embedding_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.random_state = random_state
        self.class_weight = class_weight
        self.loss = loss
        self.categories = categories
        self.fit_options = fit_options

    def _train(self, X, target: np.ndarray, weights: np.ndarray | None, *, outputs: int, loss: str):
        """Train on rows (rows, columns) and the codes of their classes, or their standardized target."""
        from registry.estimators.networks import training

        X = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        framework = import_module(self.framework)
        return training.train(self, framework, X, target, weights, outputs=outputs, loss=loss)

    def _keep(self, trained, *, classes: np.ndarray | None = None, scale: tuple = (0.0, 1.0)):
        """Keep the trained layers as an estimator of scikit-learn that predicts what the framework does."""
        width = self.n_features_in_
        self.epochs_, self.loss_curve_ = trained.epochs, trained.losses
        self.network_ = layers.as_sklearn(
            trained.weights, activation=self.activation, width=width, classes=classes, scale=scale
        )
        expected = trained.outputs * scale[1] + scale[0]
        predict = self.network_.predict if classes is None else self.network_.predict_proba
        if not np.allclose(predict(trained.rows), expected, rtol=TOLERANCE, atol=TOLERANCE * scale[1]):
            raise RuntimeError(f"Its layers in numpy differ from its framework by more than {TOLERANCE:g}.")
        return self

    def predict(self, X) -> np.ndarray:
        check_is_fitted(self)
        return self.network_.predict(np.asarray(X, dtype=np.float64))

    def saved(self):
        """What an artifact has instead of it: an estimator of scikit-learn, fitted if this one is."""
        if hasattr(self, "network_"):
            return self.network_
        hidden = [self.hidden_units] * self.hidden_layers
        is_classifier = isinstance(self, ClassifierMixin)
        return layers.unfitted(hidden, self.activation, is_classifier=is_classifier)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")


class _Classifier(ClassifierMixin, _Network):
    """A dense network for two or more classes."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, codes = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError("A classifier needs training rows of at least two classes.")
        if self.class_weight == "balanced":
            of_class = len(codes) / (count * np.bincount(codes))
            sample_weight = of_class[codes] * (1 if sample_weight is None else np.asarray(sample_weight))
        outputs, loss = (1, "logistic") if count == 2 else (count, "softmax")
        trained = self._train(X, codes, sample_weight, outputs=outputs, loss=loss)
        return self._keep(trained, classes=self.classes_)

    def predict_proba(self, X) -> np.ndarray:
        check_is_fitted(self)
        return self.network_.predict_proba(np.asarray(X, dtype=np.float64))


class _Regressor(RegressorMixin, _Network):
    """A dense network for a number, which is standardized while it is fitted."""

    def fit(self, X, y, sample_weight=None):
        y = np.asarray(y, dtype=np.float64)
        mean, deviation = np.average(y, weights=sample_weight), y.std() or 1.0
        trained = self._train(X, (y - mean) / deviation, sample_weight, outputs=1, loss=self.loss)
        return self._keep(trained, scale=(mean, deviation))


class TorchMLPClassifier(_Classifier):
    framework = "registry.estimators.networks.torch_network"


class TorchMLPRegressor(_Regressor):
    framework = "registry.estimators.networks.torch_network"


class KerasMLPClassifier(_Classifier):
    framework = "registry.estimators.networks.keras_network"


class KerasMLPRegressor(_Regressor):
    framework = "registry.estimators.networks.keras_network"


NETWORKS = (TorchMLPClassifier, TorchMLPRegressor, KerasMLPClassifier, KerasMLPRegressor)
