"""The dry run: a short fit before a training is queued."""

import numpy as np
import pytest
from django.conf import settings

from mlplatform.errors import NotReady
from tests.registry.preflight.conftest import codes, table


def test_a_sound_training_has_no_warnings(check):
    assert check(table()) == []


@pytest.mark.parametrize("rows", [100, 3_000])
def test_parameters_that_scikit_learn_rejects_are_rejected(refusal, rows):
    options = {"solver": "lbfgs", "l1_ratio": 0.5}
    assert refusal(table(rows), params=options)[0] == "fit_failed"


@pytest.mark.parametrize("rows", [100, 3_000])
def test_a_target_value_that_the_algorithm_does_not_support_is_rejected(refusal, rows):
    y = np.random.default_rng(0).normal(size=rows)
    code, _, sentence = refusal(table(rows, answer=y), "PoissonRegressor")
    assert code == "fit_failed"
    assert "0 or more" in sentence


def test_a_parameter_that_exceeds_only_the_sample_is_no_error(check):
    frame = table(3_000)
    assert check(frame, "KNeighborsClassifier", params={"n_neighbors": 900}) == []


def test_a_parameter_that_exceeds_the_whole_table_is_rejected(refusal):
    assert refusal(table(), "KNeighborsClassifier", params={"n_neighbors": 900})[0] == "fit_failed"


def test_a_failure_that_the_sample_may_have_caused_is_a_warning(check):
    frame = table(3_000, answer=np.where(np.arange(3_000) % 10 == 0, "yes", "no"))
    warnings = check(frame, "NuSVC")
    assert codes(warnings) == [("fit_failed", None)]
    assert warnings[0]["detail"].startswith("A dry run on 500 rows failed: NuSVC could not be fitted")


def test_infinite_values_are_rejected_with_their_field(refusal):
    y = np.random.default_rng(0).normal(size=120)
    y[3] = np.inf
    assert refusal(table(answer=y), "LinearRegression")[:2] == ("infinite_values", "target")
    assert refusal(table(size=y), "KMeans", target=None)[:2] == ("infinite_values", "features")


def test_the_dry_run_caps_expensive_parameters(check):
    params = {"hidden_layer_sizes": [100_000, 100_000], "max_iter": 1_000_000}
    assert check(table(), "MLPClassifier", params=params) == []
    assert check(table(), "RandomForestClassifier", params={"n_estimators": 100_000, "n_jobs": 64}) == []


def test_class_weights_work_in_the_dry_run(check):
    weights = {"class_weight": {"cat": 1.0, "dog": 2.0}}
    assert check(table(), params=weights) == []
    assert check(table(3_000), params=weights) == []


def test_a_clusterer_needs_no_target(check):
    assert check(table(), "KMeans", target=None) == []
    assert check(table(), "DBSCAN", target="answer") == []


def test_an_unavailable_object_store_raises_not_ready(check, make_dataset, broken_storage):
    version = make_dataset("table", table(nothing=np.nan).to_csv(index=False))
    with broken_storage(settings.DATASETS_BUCKET), pytest.raises(NotReady):
        check(version)


def test_the_dry_run_prints_nothing(check, capfd):
    check(table(), "RandomForestClassifier", params={"verbose": 2})
    check(table(), "MLPClassifier", params={"verbose": True})
    assert capfd.readouterr().out == ""
