"""Only ASCII digits are an integer."""

import pytest
from django import forms
from rest_framework import serializers

from mlplatform.validation import integers
from mlplatform.validation.forms import StrictForm
from mlplatform.validation.serializers import Serializer


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_ascii_digits_are_an_integer(text, number):
    assert integers.parse(text) == number


@pytest.mark.parametrize(
    "text", ["", "²", "٣", "-1", "+1", "1.0", "1_000", " 1", "1\n", "1e3", "9" * 19, "9" * 5000]
)
def test_other_text_is_not(text):
    assert integers.parse(text) is None


class NumberSerializer(Serializer):
    number = serializers.IntegerField()
    numbers = serializers.ListField(child=serializers.IntegerField(), required=False)


class NumberForm(StrictForm):
    number = forms.IntegerField()


@pytest.mark.parametrize("number", [0, -1, 12, "12"])
def test_serializers_and_forms_accept_integers_and_their_digits(number):
    assert NumberSerializer.validated({"number": number})["number"] == int(number)
    assert NumberForm({"number": str(number)}).is_valid()


@pytest.mark.parametrize("number", [1.0, True, 1e30, "1.0", "²", "1_000", " 1", "true", [1]])
def test_serializers_and_forms_reject_all_else_with_the_same_sentence(number):
    serializer = NumberSerializer(data={"number": number})
    assert not serializer.is_valid()
    assert serializer.errors["number"] == ["Must be an integer."]
    assert NumberForm({"number": str(number)}).errors["number"] == ["Must be an integer."]


def test_the_items_of_a_list_are_integers_too():
    assert not NumberSerializer(data={"number": 1, "numbers": [1, 2.0]}).is_valid()


@pytest.mark.django_db
def test_a_version_is_an_integer(api, make_version):
    make_version()
    body = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": []}}
    for version in (1.0, True):
        response = api.post("/predict", body | {"version": version}, format="json")
        assert (response.status_code, response.json()["fields"]) == (
            400,
            {"version": ["Must be an integer."]},
        )
