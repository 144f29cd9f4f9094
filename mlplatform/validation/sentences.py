"""The sentences of invalid fields: the same for Django's form fields and DRF's serializer fields."""

from collections.abc import Iterator

from django import forms
from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinLengthValidator,
    MinValueValidator,
)
from rest_framework import serializers

MAX_CHOICES = 20  # that are listed
SENTENCES = {
    "required": "This field is required.",
    "blank": "This field is required.",
    "null": "Must not be null.",
    "not_a_list": "Must be a list.",
    "invalid_list": "Must be a list.",
    "not_a_dict": "Must be a JSON object.",
    "max_string_length": "The number is too long.",
    "overflow": "The number is too large.",
    "no_name": "The file has no name.",
    "missing": "This field is required.",
}
# The first that matches: Django's FloatField is an IntegerField.
INVALID = [
    ((serializers.FloatField, forms.FloatField), "Must be a number."),
    ((serializers.IntegerField, forms.IntegerField), "Must be an integer."),
    ((forms.DateField,), "Must be a date such as 2026-11-27."),
    ((forms.DateTimeField,), "Must be a time such as 2026-11-27T12:00:00Z."),
    ((serializers.BooleanField,), "Must be true or false."),
    ((serializers.FileField, forms.FileField), "Must be a file."),
    ((serializers.CharField,), "Must be a string."),
]
FILES = {
    "empty": "The file is empty.",
    "max_length": "The file name is too long; the limit is 255 characters.",
}
LIMITS = {
    MaxLengthValidator: "Must have at most {:,} characters.",
    MinLengthValidator: "Must have at least {:,} characters.",
    MaxValueValidator: "Must be at most {:,}.",
    MinValueValidator: "Must be at least {:,}.",
}
JSON_TYPES = {
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def json_type(value: object) -> str:
    """What a JSON value is, for a sentence: "a list"."""
    return JSON_TYPES.get(type(value), "an object")


def replace_defaults(field: forms.Field | serializers.Field) -> None:
    """Give a field our sentences in place of the default ones of its library; its own are kept."""
    defaults = {}
    for cls in reversed(type(field).__mro__):
        defaults |= getattr(cls, "default_error_messages", {})
    for key, text in _sentences(field):
        if key in field.error_messages and field.error_messages[key] is defaults.get(key):
            field.error_messages[key] = text
    for validator in field.validators:
        if text := LIMITS.get(type(validator)):
            validator.message = text.format(validator.limit_value)
    if isinstance(field, serializers.ListField | serializers.DictField):
        replace_defaults(field.child)


def _sentences(field) -> Iterator[tuple[str, str]]:
    yield from SENTENCES.items()
    for classes, text in INVALID:
        if isinstance(field, classes):
            yield "invalid", text
            break
    if isinstance(field, serializers.FileField | forms.FileField):
        yield from FILES.items()
    if isinstance(field, serializers.ChoiceField | forms.ChoiceField):
        yield "invalid_choice", _invalid_choice(field)


def _invalid_choice(field) -> str:
    choices = [str(value) for value, _ in _pairs(field) if value not in ("", None)]
    if len(choices) > MAX_CHOICES:
        return "This is not one of the choices."
    # Both libraries format the sentence: one with %, the other with braces.
    is_django = isinstance(field, forms.Field)
    return _escaped(f"Must be one of {', '.join(choices)}.", "%" if is_django else "{}")


def _pairs(field) -> list[tuple]:
    return list(field.choices.items()) if isinstance(field.choices, dict) else list(field.choices)


def _escaped(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(character, character * 2)
    return text
