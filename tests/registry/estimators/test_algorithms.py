import json
import subprocess
import sys

import pytest
from django.core.exceptions import ValidationError
from sklearn.utils import all_estimators
from sklearn.utils._param_validation import InvalidParameterError

from registry.estimators import algorithms
from registry.estimators.algorithms import build, check_params, find, get

EVERY = algorithms.all_algorithms()
forest = get("ensemble", "RandomForestClassifier")


def refusal(algorithm, params) -> str:
    with pytest.raises(ValidationError) as caught:
        check_params(algorithm, params)
    assert caught.value.code == "invalid_parameter"
    return caught.value.message


def unknown(module, class_name) -> str:
    with pytest.raises(ValidationError) as caught:
        get(module, class_name)
    assert caught.value.code == "unknown_algorithm"
    return caught.value.message


def test_the_list_is_all_that_scikit_learn_can_build_but_for_the_named_exceptions():
    names = set()
    for name, cls in all_estimators(type_filter=["classifier", "regressor", "cluster"]):
        try:
            cls()
        except TypeError:  # it needs another estimator as an argument
            continue
        names.add(name)
    assert {algorithm.name for algorithm in EVERY} == names - set(algorithms.LEFT_OUT)


def test_the_list_is_sorted_by_task_and_name():
    assert list(EVERY) == sorted(EVERY, key=lambda algorithm: (algorithm.task, algorithm.name))
    assert {algorithm.task for algorithm in EVERY} == {"classification", "regression", "clustering"}


def test_importing_the_module_does_not_import_scikit_learn():
    code = "import sys, registry.algorithms, registry.pipelines; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("module", ["ensemble", "sklearn.ensemble"])
def test_a_module_is_found_with_and_without_its_package(module):
    assert get(module, "RandomForestClassifier") is forest
    assert find("RandomForestClassifier") is forest


@pytest.mark.parametrize("name", ["RandomForestClasifier", "randomforestclassifier", "RandomForestClassifer"])
def test_a_misspelt_class_names_the_nearest_one(name):
    assert unknown("ensemble", name) == (
        f'There is no algorithm "{name}"; did you mean RandomForestClassifier?'
    )


def test_a_wrong_module_names_the_right_one():
    message = unknown("tree", "RandomForestClassifier")
    assert message == 'RandomForestClassifier is in the module ensemble, not in "tree".'


def test_an_estimator_that_is_left_out_says_why():
    assert "it groups columns" in unknown("cluster", "FeatureAgglomeration")
    assert "use Lasso" in unknown("linear_model", "MultiTaskLasso")


@pytest.mark.parametrize("name", ["os.system", "", "Pipeline", None, 3, ["KMeans"], {}, "x" * 10_000])
def test_nothing_else_is_an_algorithm(name):
    assert len(unknown("ensemble", name)) < 250


@pytest.mark.parametrize("module", [None, 3, [], "os", "sklearn.", "ensemble._forest"])
def test_nothing_else_is_a_module(module):
    assert "is in the module ensemble" in unknown(module, "RandomForestClassifier")


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda algorithm: algorithm.name)
def test_every_algorithm_builds_and_shows_its_parameters_as_json(algorithm):
    assert check_params(algorithm, {}) == {}
    assert isinstance(build(algorithm, {}, 7), algorithm.cls)
    assert algorithm.summary.endswith(".")
    for parameter in algorithm.parameters:
        json.dumps(parameter.default, allow_nan=False)
        assert parameter.help.endswith(".")
        assert not any(markup in parameter.help for markup in ("``", ":class:", ":ref:", "versionadded"))
        assert parameter.allowed
        assert parameter.kinds


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda algorithm: algorithm.name)
def test_what_the_rules_accept_scikit_learn_accepts(algorithm):
    for parameter in algorithm.parameters:
        candidates = [
            *parameter.choices,
            parameter.low,
            parameter.high,
            0,
            1,
            2,
            0.5,
            True,
            [1],
            {"a": 1},
            None,
        ]
        for value in filter(parameter.accepts, candidates):
            try:
                build(algorithm, {parameter.name: value}, 7)._validate_params()
            except InvalidParameterError as error:
                pytest.fail(f"{parameter.name}={value!r}: {error}")


def test_a_parameter_describes_itself_for_a_form():
    by_name = {parameter.name: parameter for parameter in forest.parameters}
    trees, features, criterion = by_name["n_estimators"], by_name["max_features"], by_name["criterion"]
    assert (trees.kinds, trees.default, trees.low) == (("integer",), 100, 1)
    assert trees.help == "The number of trees in the forest."
    assert features.choices == ("log2", "sqrt")
    assert features.nullable
    assert features.allowed == (
        "a whole number from 1 up, or a number above 0 up to 1, or one of log2, sqrt, or empty"
    )
    assert criterion.default == "gini"


def test_good_parameters_come_back_to_construct_with():
    params = {"n_estimators": 10, "max_depth": None, "criterion": "entropy", "max_features": 0.5}
    assert check_params(forest, params) == params


def test_a_whole_number_written_with_a_point_is_a_whole_number():
    checked = check_params(forest, {"n_estimators": 10.0})
    assert checked == {"n_estimators": 10}
    assert type(checked["n_estimators"]) is int


def test_a_bad_value_is_told_with_what_is_allowed():
    assert refusal(forest, {"n_estimators": 0}) == (
        "n_estimators of RandomForestClassifier must be a whole number from 1 to 100000, not 0."
    )


def test_a_misspelt_choice_names_the_nearest_one():
    assert refusal(forest, {"criterion": "entropi"}).endswith('not "entropi"; did you mean entropy?')


def test_a_misspelt_parameter_names_the_nearest_one():
    assert refusal(forest, {"n_estimator": 10}) == (
        'RandomForestClassifier has no parameter "n_estimator"; did you mean n_estimators?'
    )


@pytest.mark.parametrize(
    "value",
    [
        "100",
        True,
        -1,
        1.5,
        float("nan"),
        float("inf"),
        2**63,
        -(10**5000),
        1e300,
        [],
        {},
        object(),
        None,
        b"1",
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_a_whole_number_is_a_number_of_trees(value):
    assert len(refusal(forest, {"n_estimators": value})) < 250


@pytest.mark.parametrize("params", [None, [], "n_estimators=1", 3, {1: 2}, {None: 1}, {("a",): 1}])
def test_parameters_are_an_object_with_names(params):
    assert refusal(forest, params)


@pytest.mark.parametrize("value", [[float("nan")], [[float("inf")]], [object()], [{1, 2}]])
def test_a_list_may_hold_only_json(value):
    assert "hidden_layer_sizes" in refusal(find("MLPClassifier"), {"hidden_layer_sizes": value})


def test_a_list_within_itself_is_refused():
    endless: list = []
    endless.append(endless)
    assert "not JSON" in refusal(find("MLPClassifier"), {"hidden_layer_sizes": endless})


@pytest.mark.parametrize("name", ["AgglomerativeClustering", "OPTICS"])
def test_no_request_chooses_where_a_cache_is_written(name):
    assert "cannot be set here" in refusal(find(name), {"memory": "/tmp/anywhere"})
    assert "memory" not in [parameter.name for parameter in find(name).parameters]


def test_an_estimator_as_a_parameter_may_only_stay_empty():
    boosting = find("AdaBoostClassifier")
    assert check_params(boosting, {"estimator": None}) == {"estimator": None}
    assert "cannot be set here" in refusal(boosting, {"estimator": "DecisionTreeClassifier"})


def test_a_distance_matrix_is_not_a_choice_for_a_table():
    assert "precomputed" in refusal(find("DBSCAN"), {"metric": "precomputed"})
    assert "precomputed" not in find("DBSCAN").parameters[2].choices


def test_the_seed_is_set_where_there_is_one_and_none_is_given():
    assert build(forest, {}, 7).random_state == 7
    assert build(forest, {"random_state": 3}, 7).random_state == 3
    assert not hasattr(build(find("KNeighborsClassifier"), {}, 7), "random_state")


def test_building_checks_the_parameters():
    with pytest.raises(ValidationError):
        build(forest, {"n_estimators": 0}, 7)


def test_clusterers_that_only_label_their_own_rows_are_marked():
    cannot = {algorithm.name for algorithm in EVERY if not algorithm.can_predict}
    assert cannot == {"AgglomerativeClustering", "DBSCAN", "HDBSCAN", "OPTICS", "SpectralClustering"}
