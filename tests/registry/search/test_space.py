"""The ranges of a search."""

import pytest
from django.core.exceptions import ValidationError

from registry.estimators import algorithms
from registry.search import families, space


def read(ranges, *, name="RandomForestClassifier", fixed=None):
    return space.read(algorithms.find(name), ranges, fixed=fixed or {})


@pytest.mark.parametrize(
    ("ranges", "sentence"),
    [
        ({"max_depth": {"low": 9, "high": 2}}, "max_depth: low (9) must be less than high (2)."),
        ({"max_depth": {"low": 5, "high": 5}}, "max_depth: low (5) must be less than high (5)."),
        ({"max_depth": {"low": 0, "high": 5}}, "max_depth of RandomForestClassifier must be an integer"),
        ({"max_depth": {"low": True, "high": 5}}, "max_depth needs numbers for low and high."),
        ({"max_depth": {"low": 1, "hihg": 5}}, 'unknown field "hihg"; did you mean `high`?'),
        ({"max_depth": {"low": 1, "high": 10**400}}, "max_depth needs numbers for low and high."),
        ({"max_depth": {"low": 1, "high": 5, "step": 0}}, "step must be a number above 0"),
        ({"max_depth": {"low": 1, "high": 5, "step": 1, "log": True}}, "log or step, not both"),
        ({"ccp_alpha": {"low": 0, "high": 0.5, "log": True}}, "low must be above 0 for log"),
        ({"max_depth": []}, "max_depth must have 1 to 50 values, not 0."),
        ({"max_depth": 5}, "max_depth must have a list of values, or an object"),
        ({"criterion": ["gini", "ginny"]}, "did you mean gini?"),
        ({"max_dept": [1]}, "did you mean max_depth?"),
        ({}, "Name at least one parameter with its range."),
    ],
)
def test_a_range_that_cannot_be_searched_has_a_sentence(ranges, sentence):
    with pytest.raises(ValidationError) as error:
        read(ranges)
    assert sentence in error.value.messages[0]


def test_a_parameter_has_a_value_or_a_range():
    with pytest.raises(ValidationError, match="give it a value or a range"):
        read({"max_depth": [1, 2]}, fixed={"max_depth": 3})


def test_whole_bounds_are_integers_only_for_parameters_that_take_no_fractions():
    kinds = {one.name: one.is_integer for one in read({"max_depth": {"low": 1, "high": 9}}).ranges}
    kinds |= {one.name: one.is_integer for one in read({"C": {"low": 1, "high": 9}}, name="SVC").ranges}
    assert kinds == {"max_depth": True, "C": False}


def test_a_search_of_few_combinations_has_a_size():
    assert read({"max_depth": {"low": 1, "high": 9, "step": 2}, "criterion": ["gini", "entropy"]}).size == 10


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_automatic_ranges_fit_their_algorithms_and_contain_the_first_values(task):
    for family in families.families(task, rows=1_000):
        for one in family.ranges:
            values = one.choices or (one.low, one.high)
            for value in [*values, family.first[one.name]]:
                algorithms.check_params(family.algorithm, family.fixed | {one.name: value})
            inside = one.choices or [low for low in [family.first[one.name]] if one.low <= low <= one.high]
            assert family.first[one.name] in inside


def test_neighbours_are_not_tried_on_many_rows():
    names = [one.algorithm.name for one in families.families("regression", rows=30_000)]
    assert "KNeighborsRegressor" not in names
