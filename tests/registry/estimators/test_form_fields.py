"""Form fields of the parameters of an algorithm."""

from registry.estimators import algorithms
from registry.estimators.form_fields import SearchSelect, parse, shown


def test_a_parameter_value_is_shown_as_it_is_entered():
    assert [shown(value) for value in (None, True, 0.5, "gini", [1, 2])] == [
        "none",
        "true",
        "0.5",
        "gini",
        "[1, 2]",
    ]


def test_an_entered_parameter_value_is_parsed_as_json():
    parameters = {
        parameter.name: parameter for parameter in algorithms.find("RandomForestClassifier").parameters
    }
    parameter = parameters["max_features"]
    assert [parse(text, parameter) for text in ("sqrt", "0.5", "3", "none", "words")] == [
        "sqrt",
        0.5,
        3,
        None,
        "words",
    ]


def test_a_parameter_value_of_nested_lists_is_a_text():
    [parameter] = [
        one for one in algorithms.find("RandomForestClassifier").parameters if one.name == "max_depth"
    ]
    assert parse("[" * 9_000, parameter) == "[" * 9_000


def test_a_searchable_list_escapes_its_options():
    widget = SearchSelect()
    widget.choices = [("<g>", [('"<v>', "<l>")])]
    text = widget.render("name", '"<v>', attrs={"id": "x"})
    assert "<g>" not in text
    assert "<l>" not in text
    assert '<option value="&quot;&lt;v&gt;" selected>&lt;l&gt;</option>' in text
