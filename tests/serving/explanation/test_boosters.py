"""Explanations of boosters are their own TreeSHAP, and add up to the prediction."""

import numpy as np
import pytest

from registry.estimators.frameworks import extras
from serving.explanation import additive
from tests.registry.estimators import boosters
from tests.serving.explanation.test_additive import explained, output_of

NAMES = [name for framework in boosters.INSTALLED for name in extras.FRAMEWORKS[framework].classes]
CLASSIFIERS = [name for name in NAMES if name.endswith("Classifier")]
LOG_LOSSES = {
    "XGBRegressor": {"objective": "count:poisson"},
    "LGBMRegressor": {"objective": "poisson"},
    "CatBoostRegressor": {"loss_function": "Poisson"},
}


def few_trees(name: str) -> dict:
    return {"iterations": 5} if name.startswith("Cat") else {"n_estimators": 5}


def assert_adds_up(name, params=None, *, unit, classes=3):
    model, encoded, pipeline, rows = explained(name, few_trees(name) | (params or {}), classes=classes)
    assert (model.method, model.unit) == (additive.TREE_SHAP, unit)
    sums = [
        [base + contributions.sum() for base, contributions in (model.explain(row, place) for row in encoded)]
        for place in range(len(model.outputs))
    ]
    if unit == additive.SCORE:  # the probabilities are their softmax
        scores = np.exp(sums)
        np.testing.assert_allclose((scores / scores.sum(axis=0)).T, pipeline.predict_proba(rows), rtol=1e-4)
        return
    for place, values in enumerate(sums):
        np.testing.assert_allclose(values, output_of(pipeline, rows, unit, place), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_contributions_to_two_classes_add_up_to_the_log_odds(name):
    assert_adds_up(name, unit=additive.LOG_ODDS, classes=2)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_contributions_to_several_classes_add_up_to_their_scores(name):
    assert_adds_up(name, unit=additive.SCORE)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("Regressor")])
def test_contributions_to_a_number_add_up_to_it(name):
    assert_adds_up(name, unit=additive.VALUE)


@pytest.mark.parametrize("name", [name for name in NAMES if name in LOG_LOSSES])
def test_contributions_with_a_logarithmic_link_add_up_to_the_logarithm(name):
    assert_adds_up(name, LOG_LOSSES[name], unit=additive.LOG_VALUE)


@pytest.mark.skipif("LGBMRegressor" not in NAMES, reason="LightGBM is not installed")
@pytest.mark.parametrize(
    ("name", "unit", "classes"),
    [
        ("LGBMRegressor", additive.VALUE, 3),
        ("LGBMClassifier", additive.LOG_ODDS, 2),
        ("LGBMClassifier", additive.SCORE, 3),
    ],
)
def test_contributions_to_a_forest_of_lightgbm_add_up_to_the_mean_of_its_trees(name, unit, classes):
    forest = {"boosting_type": "rf", "subsample": 0.6, "subsample_freq": 1, "min_child_samples": 3}
    assert_adds_up(name, forest, unit=unit, classes=classes)
