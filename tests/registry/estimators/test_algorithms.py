"""The allow-list of algorithms."""

import json
import subprocess
import sys

import pytest
from django.core.exceptions import ValidationError
from sklearn.utils import all_estimators

from registry.estimators import algorithms, sklearn_algorithms
from registry.estimators.algorithms import build, check_params, find, get

EVERY = [algorithm for algorithm in algorithms.all_algorithms() if algorithm.framework is None]
forest = get("ensemble", "RandomForestClassifier")


def unknown(module, class_name) -> str:
    with pytest.raises(ValidationError) as caught:
        get(module, class_name)
    assert caught.value.code == "unknown_algorithm"
    return caught.value.message


def test_the_allow_list_has_every_estimator_that_scikit_learn_builds_except_the_excluded():
    names = set()
    for name, cls in all_estimators(type_filter=["classifier", "regressor", "cluster"]):
        try:
            cls()
        except TypeError:  # it needs another estimator as an argument
            continue
        names.add(name)
    assert {algorithm.name for algorithm in EVERY} == names - set(sklearn_algorithms.EXCLUDED)


def test_the_allow_list_is_sorted_by_task_and_name():
    assert list(EVERY) == sorted(EVERY, key=lambda algorithm: (algorithm.task, algorithm.name))
    assert {algorithm.task for algorithm in EVERY} == {"classification", "regression", "clustering"}


def test_importing_algorithms_and_pipelines_does_not_import_scikit_learn():
    code = "import sys, registry.estimators.algorithms, registry.training.pipelines; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("module", ["ensemble", "sklearn.ensemble"])
def test_an_algorithm_is_found_by_its_module_with_or_without_the_package(module):
    assert get(module, "RandomForestClassifier") is forest
    assert find("RandomForestClassifier") is forest


@pytest.mark.parametrize("name", ["RandomForestClasifier", "randomforestclassifier", "RandomForestClassifer"])
def test_a_misspelt_class_name_is_rejected_with_the_nearest_one(name):
    assert unknown("ensemble", name) == (f'Unknown algorithm "{name}"; did you mean RandomForestClassifier?')


def test_a_wrong_module_is_rejected_with_the_right_one():
    message = unknown("tree", "RandomForestClassifier")
    assert message == 'RandomForestClassifier is in the module ensemble, not in "tree".'


def test_an_excluded_estimator_is_rejected_with_the_reason():
    assert "it clusters columns" in unknown("cluster", "FeatureAgglomeration")
    assert "use Lasso" in unknown("linear_model", "MultiTaskLasso")


@pytest.mark.parametrize("name", ["os.system", "", "Pipeline", None, 3, ["KMeans"], {}, "x" * 10_000])
def test_an_unknown_class_name_is_rejected_in_a_short_sentence(name):
    assert len(unknown("ensemble", name)) < 250


@pytest.mark.parametrize("module", [None, 3, [], "os", "sklearn.", "ensemble._forest"])
def test_an_unknown_module_is_rejected(module):
    assert "is in the module ensemble" in unknown(module, "RandomForestClassifier")


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda algorithm: algorithm.name)
def test_every_algorithm_builds_and_describes_its_parameters_as_json(algorithm):
    assert check_params(algorithm, {}) == {}
    assert isinstance(build(algorithm, {}, 7), algorithm.cls)
    assert algorithm.summary.endswith(".")
    for parameter in algorithm.parameters:
        json.dumps(parameter.default, allow_nan=False)
        assert parameter.help.endswith(".")
        assert not any(markup in parameter.help for markup in ("``", ":class:", ":ref:", "versionadded"))
        assert parameter.allowed
        assert parameter.kinds


def test_clusterers_that_cannot_predict_new_rows_are_marked():
    cannot = {algorithm.name for algorithm in EVERY if not algorithm.can_predict}
    assert cannot == {"AgglomerativeClustering", "DBSCAN", "HDBSCAN", "OPTICS", "SpectralClustering"}
