"""Trainings of networks: preparation, what is saved, ensembles, groups, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from sklearn.base import clone

from registry import artifacts
from registry.estimators import algorithms, wrappers
from registry.estimators.frameworks import fitting
from registry.search.folds import Folds
from registry.training import cross_validation, pipelines
from registry.training.columns import feature_frame
from tests.registry.estimators.networks import CLASSIFIER, PREFIXES, QUICK, REGRESSOR
from tests.serving.engine.fits import COLUMNS, columns_of, fit, request_of, table


def test_columns_are_scaled_and_categories_become_embeddings(algorithm):
    result = fit(algorithm(CLASSIFIER), table(120), QUICK)
    prepared = {choice["column"]: choice["prepare"] for choice in result.preparation}
    assert (prepared["colour"], prepared["wild"], prepared["count"]) == ("native", "native", "scale")
    assert "embeddings" in next(choice["reason"] for choice in result.preparation)
    assert result.parameters.items() >= (QUICK | {"dropout": 0.1, "patience": 20}).items()
    assert "fit_options" not in result.parameters


def test_artifacts_load_without_the_framework_and_without_this_code(algorithm, tmp_path):
    options = [{"calibration": "sigmoid"}, {"threshold": {"metric": "f1"}}, {}]
    results = [fit(algorithm(CLASSIFIER), table(150, classes=2), QUICK, **one) for one in options]
    for number, result in enumerate(results):
        with artifacts.dump(result.pipeline).file as file:
            file.seek(0)
            content = file.read()
        assert not [name for name in (b"registry", b"torch", b"keras") if name in content]
        (tmp_path / f"{number}.joblib").write_bytes(content)
    table(20).drop(columns=["kind", "size"]).to_parquet(tmp_path / "rows.parquet")
    code = (
        "import joblib, json, pandas, sys; rows = pandas.read_parquet('rows.parquet'); "
        f"models = [joblib.load(f'{{number}}.joblib') for number in range({len(results)})]; "
        "print(json.dumps([model.predict(rows).tolist() for model in models])); "
        "assert not {'registry', 'serving', 'django', 'torch', 'keras'} & set(sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True)
    rows = feature_frame(table(20), COLUMNS)
    assert json.loads(printed) == [result.pipeline.predict(rows).tolist() for result in results]


@pytest.mark.parametrize("options", [{"cv": 2}, {"refit": True}], ids=str)
def test_a_clone_is_fitted_as_was_requested(algorithm, options):
    params = QUICK | {"patience": 2}
    result = fit(algorithm(CLASSIFIER), table(150, classes=2), params, **options)
    again = wrappers.estimator_of(clone(result.pipeline)["model"]).get_params()
    assert again.items() >= params.items()


def test_an_ensemble_has_networks_as_members(framework):
    members = [
        {"module": framework, "class": f"{PREFIXES[framework]}{CLASSIFIER}", "params": QUICK},
        {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 5}},
    ]
    result = fit(algorithms.find("VotingClassifier"), table(150), {"members": members, "weights": None})
    network = result.pipeline["model"].estimators_[0]["model"]
    assert network.categories == 2
    with artifacts.dump(result.pipeline).file as file:
        file.seek(0)
        assert b"registry" not in file.read()


def test_a_trial_of_a_group_predicts_the_rows_of_its_fold(algorithm):
    request = request_of(algorithm(CLASSIFIER), QUICK)
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


def test_a_parameter_of_the_other_task_is_refused_with_the_reason(algorithm):
    with pytest.raises(ValidationError, match=r"loss of .*MLPClassifier cannot be set: it follows from"):
        algorithms.build(algorithm(CLASSIFIER), {"loss": "huber"}, 0)
    with pytest.raises(
        ValidationError, match=r"class_weight of .*MLPRegressor cannot be set: it is for classes"
    ):
        algorithms.build(algorithm(REGRESSOR), {"class_weight": "balanced"}, 0)


def test_a_training_says_which_device_it_used_instead(algorithm, settings):
    settings.DEVICE = "cuda"
    request = request_of(algorithm(REGRESSOR), QUICK)
    import torch

    warnings_of_job = pipelines.fit(table(80), columns=columns_of(request), request=request).warnings
    assert any("fitted on the CPU" in text for text in warnings_of_job) != torch.cuda.is_available()
