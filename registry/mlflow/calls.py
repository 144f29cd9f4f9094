"""The fields of each call of MLflow's API."""

from django.core.exceptions import ValidationError
from rest_framework import serializers

from mlplatform.validation import integers
from mlplatform.validation.serializers import MAX_VERSION, BoundedListField, Serializer
from registry import labels
from registry.models import Alias

MAX_TEXT = 100_000


def text(**options) -> serializers.CharField:
    return serializers.CharField(**{"max_length": MAX_TEXT, "trim_whitespace": False} | options)


def optional(**options) -> serializers.CharField:
    return text(required=False, allow_blank=True, default="", **options)


class Name(Serializer):
    name = text(max_length=1_000)

    def validate_name(self, value: str) -> str:
        if "/" in value or ":" in value:
            raise ValidationError("Names cannot contain '/' or ':'.", code="invalid")
        return value


class Version(Name):
    version = text(max_length=100)

    def validate_version(self, value: str) -> int:
        number = integers.parse(value)
        if number is None or number > MAX_VERSION:
            raise ValidationError("Parameter 'version' must be an integer.", code="invalid")
        return number


class Key(Serializer):
    key = text(max_length=1_000)


class Tag(Key):
    value = text(allow_blank=True)


class ModelTag(Name, Tag):
    pass


class ModelKey(Name, Key):
    pass


class VersionTag(Version, Tag):
    pass


class VersionKey(Version, Key):
    pass


class AliasName(Name):
    alias = text(max_length=Alias.MAX_NAME)


class AliasedVersion(Version, AliasName):
    pass


class Description(Serializer):
    description = optional(max_length=labels.MAX_DESCRIPTION)
    deployment_job_id = optional()  # of Databricks; ignored, as MLflow's own server does


class DescribedModel(Name, Description):
    pass


class DescribedVersion(Version, Description):
    pass


class NewModel(DescribedModel):
    tags = BoundedListField(child=serializers.JSONField(), max_items=500, required=False, default=list)


class NewVersion(NewModel):
    source, run_id, run_link, model_id = optional(), optional(), optional(), optional()


class NewName(Name):
    new_name = optional()


class Transition(Version):
    stage = text(max_length=100)
    archive_existing_versions = serializers.BooleanField(default=False)


class Stages(Name):
    stages = BoundedListField(child=text(max_length=100), max_items=20, required=False, default=list)


class Search(Serializer):
    filter, page_token = optional(), optional()
    order_by = BoundedListField(child=text(), max_items=20, required=False, default=list)


class ModelSearch(Search):
    max_results = serializers.IntegerField(min_value=1, max_value=1_000, default=100)


class VersionSearch(Search):
    max_results = serializers.IntegerField(min_value=1, max_value=200_000, default=10_000)


class Path(Serializer):
    path = optional()


class Nothing(Serializer):
    pass
