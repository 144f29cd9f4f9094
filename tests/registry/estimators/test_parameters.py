"""The parameters of algorithms: which values a request can set."""

import pytest
from django.core.exceptions import ValidationError
from sklearn.utils._param_validation import InvalidParameterError

from registry.estimators import algorithms
from registry.estimators.algorithms import build, check_params, find, get

EVERY = [algorithm for algorithm in algorithms.all_algorithms() if algorithm.framework is None]
forest = get("ensemble", "RandomForestClassifier")


def refusal(algorithm, params) -> str:
    with pytest.raises(ValidationError) as caught:
        check_params(algorithm, params)
    assert caught.value.code == "invalid_parameter"
    return caught.value.message


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda algorithm: algorithm.name)
def test_scikit_learn_accepts_every_value_that_a_parameter_allows(algorithm):
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


@pytest.mark.parametrize("algorithm", EVERY, ids=lambda algorithm: algorithm.name)
def test_every_number_and_list_has_bounds(algorithm):
    for parameter in algorithm.parameters:
        for rule in parameter.rules:
            if rule.kind in ("integer", "number") or rule.max_items:
                assert rule.high is not None, parameter
                assert rule.low is not None, parameter
            assert rule.max_items or not {list, dict} & set(rule.types), parameter


@pytest.mark.parametrize(
    ("name", "params", "allowed"),
    [
        ("GradientBoostingClassifier", {"n_iter_no_change": 10**9}, "an integer from 1 to 100000, or null"),
        ("RandomForestClassifier", {"max_leaf_nodes": 10**9}, "an integer from 2 to 100000, or null"),
        ("AffinityPropagation", {"convergence_iter": 10**9}, "an integer from 1 to 1000"),
        ("SVC", {"C": 1e13}, "a number from 1e-12 to 1e12"),
        ("LinearSVC", {"C": 5e-324}, "a number from 1e-12 to 1e12"),
        ("LassoCV", {"alphas": [0.1] * 1001}, "a list of at most 1000 values from -1e12 to 1e12"),
        (
            "MLPClassifier",
            {"hidden_layer_sizes": [10, 10**6]},
            "a list of at most 100 values from 1 to 10000",
        ),
        (
            "HistGradientBoostingClassifier",
            {"interaction_cst": [[0, 1], [10**13]]},
            "a list of at most 10000",
        ),
        ("CategoricalNB", {"min_categories": 10**6}, "an integer from 1 to 10000"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_a_value_beyond_its_bounds_is_rejected_with_them(name, params, allowed):
    assert allowed in refusal(find(name), params)


def test_a_parameter_has_what_a_form_needs():
    by_name = {parameter.name: parameter for parameter in forest.parameters}
    trees, features, criterion = by_name["n_estimators"], by_name["max_features"], by_name["criterion"]
    assert (trees.kinds, trees.default, trees.low) == (("integer",), 100, 1)
    assert trees.help == "The number of trees in the forest."
    assert features.choices == ("log2", "sqrt")
    assert features.nullable
    assert features.allowed == (
        "an integer from 1 to 10000000, or a number greater than 0 and at most 1, or one of log2, sqrt, or null"
    )
    assert criterion.default == "gini"


def test_valid_parameters_are_returned():
    params = {"n_estimators": 10, "max_depth": None, "criterion": "entropy", "max_features": 0.5}
    assert check_params(forest, params) == params


def test_an_integer_written_as_a_float_becomes_an_integer():
    checked = check_params(forest, {"n_estimators": 10.0})
    assert checked == {"n_estimators": 10}
    assert type(checked["n_estimators"]) is int


def test_an_invalid_value_is_rejected_with_the_allowed_values():
    assert refusal(forest, {"n_estimators": 0}) == (
        "n_estimators of RandomForestClassifier must be an integer from 1 to 100000, not 0."
    )


def test_a_misspelt_choice_is_rejected_with_the_nearest_one():
    assert refusal(forest, {"criterion": "entropi"}).endswith('not "entropi"; did you mean entropy?')


def test_a_misspelt_parameter_is_rejected_with_the_nearest_one():
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
def test_an_integer_parameter_rejects_every_other_value(value):
    assert len(refusal(forest, {"n_estimators": value})) < 250


@pytest.mark.parametrize("params", [None, [], "n_estimators=1", 3, {1: 2}, {None: 1}, {("a",): 1}])
def test_parameters_must_be_an_object_with_string_keys(params):
    assert refusal(forest, params)


@pytest.mark.parametrize("value", [[float("nan")], [[float("inf")]], [object()], [{1, 2}]])
def test_a_list_parameter_rejects_values_that_are_not_json(value):
    assert "hidden_layer_sizes" in refusal(find("MLPClassifier"), {"hidden_layer_sizes": value})


def test_a_recursive_list_is_rejected():
    endless: list = []
    endless.append(endless)
    assert "not JSON" in refusal(find("MLPClassifier"), {"hidden_layer_sizes": endless})


@pytest.mark.parametrize("name", ["AgglomerativeClustering", "OPTICS"])
def test_a_request_cannot_set_a_cache_directory(name):
    assert "cannot be set" in refusal(find(name), {"memory": "/tmp/anywhere"})
    assert "memory" not in [parameter.name for parameter in find(name).parameters]


def test_an_estimator_parameter_accepts_only_null():
    boosting = find("AdaBoostClassifier")
    assert check_params(boosting, {"estimator": None}) == {"estimator": None}
    assert "cannot be set" in refusal(boosting, {"estimator": "DecisionTreeClassifier"})


def test_a_precomputed_metric_is_rejected():
    assert "precomputed" in refusal(find("DBSCAN"), {"metric": "precomputed"})
    assert "precomputed" not in find("DBSCAN").parameters[2].choices


def test_the_random_state_is_set_if_the_estimator_has_one_and_the_parameters_do_not():
    assert build(forest, {}, 7).random_state == 7
    assert build(forest, {"random_state": 3}, 7).random_state == 3
    assert not hasattr(build(find("KNeighborsClassifier"), {}, 7), "random_state")


def test_build_rejects_invalid_parameters():
    with pytest.raises(ValidationError):
        build(forest, {"n_estimators": 0}, 7)
