"""The base class of the serializers of request bodies and query parameters."""

from collections.abc import Iterator, Mapping

from django.http import QueryDict
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from mlplatform.validation import integers, sentences, unknown_names

MAX_VERSION = 2**31 - 1  # of the integer columns of PostgreSQL


class VersionField(serializers.IntegerField):
    """The number of a version, from 1 to the largest that the database can hold."""

    def __init__(self, **kwargs):
        super().__init__(min_value=1, max_value=MAX_VERSION, **kwargs)


class Serializer(serializers.Serializer):
    """A serializer of requests: rejects unknown and repeated fields, with our sentences instead of DRF's."""

    @classmethod
    def validated(cls, data) -> dict:
        """The values of a request. Raises ValidationError."""
        serializer = cls(data=data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for field in fields.values():
            sentences.replace_defaults(field)
            integers.refuse_others(field)
        return fields

    def run_validation(self, data=serializers.empty):
        # DRF has a sentence of its own for a body that is null.
        is_null_body = data is None and self.parent is None
        return self.to_internal_value(data) if is_null_body else super().run_validation(data)

    def to_internal_value(self, data):
        if not isinstance(data, Mapping):
            subject = "Must" if self.parent else "The body must"
            text = f"{subject} be a JSON object, not {sentences.json_type(data)}."
            raise ValidationError({"non_field_errors": [ErrorDetail(text, code="invalid")]})
        if isinstance(data, QueryDict):
            unknown_names.check_not_repeated(data)
        unknown = self._unknown(data)
        try:
            values = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError(unknown | error.detail) from error
        if unknown:
            raise ValidationError(unknown)
        return values

    def _unknown(self, data: Mapping) -> dict[str, list[ErrorDetail]]:
        if data.keys() <= self.fields.keys():
            return {}
        prefix = "".join(f"{name}." for name in self._path())
        found = unknown_names.errors(data, self.fields, prefix=prefix, hints=list(_paths(self.root)))
        return {
            path.removeprefix(prefix): [ErrorDetail(error.message, code=error.code)]
            for path, error in found.items()
        }

    def _path(self) -> list[str]:
        """The names of the fields from the root of the body to this serializer."""
        names, field = [], self
        while field.parent is not None:
            names.insert(0, field.field_name)
            field = field.parent
        return names


def _paths(serializer: serializers.Serializer, prefix: str = "") -> Iterator[str]:
    """The dotted names of all fields, those of nested serializers too."""
    for name, field in serializer.fields.items():
        yield prefix + name
        if isinstance(field, serializers.Serializer):
            yield from _paths(field, f"{prefix}{name}.")


class SerializerSchema(OpenApiSerializerExtension):
    """Describes request bodies as closed: `additionalProperties: false`."""

    target_class = Serializer
    match_subclasses = True

    def map_serializer(self, auto_schema, direction):
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if type(self.target).__doc__ is None:
            schema.pop("description", None)  # the docstring of the base class
        return schema | {"additionalProperties": False} if direction == "request" else schema


class BoundedListField(serializers.ListField):
    """A list that is rejected before each of its items is read if it has more than `max_items`."""

    default_error_messages = {"too_many": "Must have at most {max_items:,} items."}

    def __init__(self, *, max_items: int, **kwargs):
        super().__init__(**kwargs)
        self.max_items = max_items

    def to_internal_value(self, data):
        if isinstance(data, list) and len(data) > self.max_items:
            self.fail("too_many", max_items=self.max_items)
        return super().to_internal_value(data)
