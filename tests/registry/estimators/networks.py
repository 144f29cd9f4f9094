"""Networks of the frameworks that are installed, for tests of each of them."""

import warnings

import numpy as np
import pytest

from registry.estimators import algorithms
from registry.estimators.frameworks import extras, fitting

QUICK = {"max_epochs": 3, "hidden_units": 8}
CLASSIFIER, REGRESSOR = "MLPClassifier", "MLPRegressor"
PREFIXES = {"torch": "Torch", "keras": "Keras"}
EACH = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name not in extras.installed(), reason=f"{extras.FRAMEWORKS[name].title} is not installed"
        ),
    )
    for name in PREFIXES
]


def fit_rows(
    algorithm, X, y, weights=None, *, name=CLASSIFIER, report=None, categories=0, groups=None, **params
):
    estimator = algorithms.build(algorithm(name), QUICK | params, 0)
    fitting.set_native_categories(estimator, categories)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras")
        fitting.fit(estimator, X, y, weights, seed=0, report=report, groups=groups)
    return estimator


def rows(count=60, columns=3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, columns))
