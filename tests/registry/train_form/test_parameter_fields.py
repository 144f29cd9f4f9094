"""What can be entered in the field of a parameter that is tuned."""

import pytest
from django.core.exceptions import ValidationError

from registry.estimators import algorithms
from registry.search import space
from registry.train_form.parameter_fields import TunedField, usual_ranges

ALGORITHM = algorithms.find("DecisionTreeClassifier")


def entered(text: str):
    [parameter] = [one for one in ALGORITHM.parameters if one.name == "max_depth"]
    is_set, value = TunedField(parameter).clean(text)
    assert is_set
    return value


@pytest.mark.parametrize("bound", ["1e999", "9" * 5_000], ids=["1e999", "5,000 digits"])
def test_a_number_beyond_a_float_is_no_bound_of_a_range(bound):
    found = entered(f"1 to {bound}")
    with pytest.raises(ValidationError, match="max_depth needs numbers for low and high"):
        space.read(ALGORITHM, {"max_depth": found.range}, fixed={})


def test_a_long_text_that_is_almost_a_range_is_read_at_once():
    """A pattern with two ways to match digits takes the fourth power of their number: 5 seconds for 80."""
    digits = "1" * 1_000
    text = f"{digits} to {digits} step {digits}x"
    assert entered(text) == text


def test_the_usual_ranges_are_those_of_the_task_of_the_algorithm():
    """A number with few values can be a target of either task."""
    assert usual_ranges(algorithms.find("Ridge")) == {"alpha": "0.001 to 1000.0 log"}
    assert usual_ranges(algorithms.find("LogisticRegression")) == {"C": "0.001 to 1000.0 log"}
    assert usual_ranges(algorithms.find("KMeans")) == {}
    assert usual_ranges(algorithms.find("TorchMLPClassifier"))["lr"] == "0.0003 to 0.01 log"


def test_the_usual_ranges_can_be_entered():
    for algorithm in algorithms.all_algorithms():
        parameters = {one.name: one for one in algorithm.parameters}
        for name, text in usual_ranges(algorithm).items():
            _, searched = TunedField(parameters[name]).clean(text)
            assert space.read(algorithm, {name: searched.range}, fixed={})
