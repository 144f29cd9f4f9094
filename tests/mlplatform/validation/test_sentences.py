"""Invalid fields have the same sentences in forms and in serializers."""

import pytest
from django import forms
from rest_framework import serializers

from mlplatform.validation.forms import StrictForm
from mlplatform.validation.serializers import Serializer

FORM_FIELDS = {
    "integer": forms.IntegerField(min_value=1, max_value=5_000),
    "number": forms.FloatField(),
    "text": forms.CharField(max_length=2_000),
    "choice": forms.ChoiceField(choices=[("a", "A"), ("50 %", "half"), ("{}", "braces")]),
    "own": forms.IntegerField(error_messages={"invalid": "Enter an age."}),
}
FIELDS = {
    "integer": serializers.IntegerField(min_value=1, max_value=5_000),
    "number": serializers.FloatField(),
    "text": serializers.CharField(max_length=2_000),
    "choice": serializers.ChoiceField(choices=["a", "50 %", "{}"]),
    "own": serializers.IntegerField(error_messages={"invalid": "Enter an age."}),
}
VALID = {"integer": "1", "number": "1", "text": "x", "choice": "a", "own": "1"}
FormOfAll = type("FormOfAll", (StrictForm,), dict(FORM_FIELDS))
SerializerOfAll = type("SerializerOfAll", (Serializer,), dict(FIELDS))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("integer", "x", "Must be an integer."),
        ("integer", "0", "Must be at least 1."),
        ("integer", "5001", "Must be at most 5,000."),
        ("number", "x", "Must be a number."),
        ("text", "", "This field is required."),
        ("text", "x" * 2_001, "Must have at most 2,000 characters."),
        ("choice", "b", "Must be one of a, 50 %, {}."),
        ("own", "x", "Enter an age."),
    ],
)
def test_forms_and_serializers_have_the_same_sentences(name, value, sentence):
    form, serializer = FormOfAll(VALID | {name: value}), SerializerOfAll(data=VALID | {name: value})
    assert not serializer.is_valid()
    assert form.errors.get(name) == serializer.errors.get(name) == [sentence]


@pytest.mark.parametrize(("body", "kind"), [("[1]", "a list"), ("null", "null"), ("1", "a number")])
def test_a_body_that_is_no_object_is_described(api, body, kind):
    response = api.generic("POST", "/train", body, content_type="application/json")
    assert response.json() == {
        "detail": f"The body must be a JSON object, not {kind}.",
        "code": "invalid",
        "fields": {},
    }


def test_a_form_that_cannot_be_read_is_described(api):
    response = api.generic("POST", "/datasets/upload", b"x", content_type="multipart/form-data")
    assert response.status_code == 400
    assert response.json()["detail"].startswith(
        "The form cannot be read. Send multipart/form-data with a boundary"
    )
    json = api.post("/datasets/upload", {"file": "x"}, format="json")
    assert (json.status_code, json.json()["detail"]) == (415, "The body must be multipart/form-data.")
    text = api.post("/datasets/upload", {"file": "x"}, format="multipart").json()
    assert text["fields"] == {"file": ["Must be a file."]}
