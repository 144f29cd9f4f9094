"""Unknown names are rejected with the name that was probably meant."""

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict

from mlplatform.validation import unknown_names
from registry.releases.forms import PromoteForm

TRAIN = [
    "dataset_name",
    "use_example",
    "dataset_version",
    "target_column",
    "features",
    "test_size",
    "random_state",
]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("target", "target_column"),
        ("targetColumn", "target_column"),
        ("label", "target_column"),
        ("random_sate", "random_state"),
        ("seed", "random_state"),
        ("feature_columns", "features"),
        ("dataset", "dataset_name"),
        ("test-size", "test_size"),
        ("cv", None),
        ("na_values", None),
    ],
)
def test_the_nearest_name_is_a_synonym_or_a_similar_spelling(name, near):
    assert unknown_names.nearest(name, TRAIN) == near


def test_no_name_is_suggested_for_a_version_where_there_is_none():
    assert unknown_names.nearest("version", ["dataset_name", "environment", "reason"]) is None


def test_an_error_names_the_nearest_field():
    found = unknown_names.errors(["target"], TRAIN)["target"]
    assert (found.message, found.code) == (
        "Unknown field `target`. Did you mean `target_column`?",
        "unknown_field",
    )


def test_an_error_without_a_near_name_lists_the_known_ones():
    with pytest.raises(ValidationError) as caught:
        unknown_names.check_query(QueryDict("cv=5"), ["q", "page"])
    assert caught.value.message_dict == {
        "cv": ["Unknown query parameter `cv`. The known query parameters are `q`, `page`."]
    }
    assert unknown_names.sentence("x", ["rows"]) == "Unknown field `x`. The only field is `rows`."
    many = unknown_names.sentence("x", [f"field_{index}" for index in range(40)])
    assert many.endswith("`field_11` and 28 more.")
    dotted = unknown_names.sentence("model.params", ["model"], hints=["model.params"])
    assert dotted == "Unknown field `model.params`. Send `params` within `model`."
    assert unknown_names.sentence("x", []) == "Unknown field `x`. There are no fields here."


def test_many_and_long_unknown_names_do_not_make_a_large_response():
    names = ["x" * 10_000, *map(str, range(1000))]
    found = unknown_names.errors(names, TRAIN)
    assert len(found) == unknown_names.MAX_LISTED
    assert max(map(len, found)) == unknown_names.MAX_LENGTH


def test_a_query_parameter_given_twice_is_rejected():
    with pytest.raises(ValidationError, match="The query parameter `page` is given more than once"):
        unknown_names.check_query(QueryDict("page=1&page=2"), ["page"])


def test_a_form_rejects_a_field_given_twice():
    form = PromoteForm(QueryDict("stage=staging&stage=production"))
    assert form.errors["__all__"] == ["The field `stage` is given more than once."]
