"""The lineage of a dataset version as JSON: the query that made it, and what queries have made from it."""

from rest_framework import serializers


class InputSerializer(serializers.Serializer):
    dataset = serializers.CharField(source="dataset_name")
    version = serializers.IntegerField(source="version_number", help_text="The version that was read.")
    reference = serializers.CharField(help_text="As the query names it: `name`, or `name@3`.")
    exists = serializers.SerializerMethodField(help_text="False once the version was deleted.")

    def get_exists(self, one) -> bool:
        return one.version_id is not None


class DerivationSerializer(serializers.Serializer):
    sql = serializers.CharField()
    inputs = InputSerializer(many=True, source="inputs.all")
    on_new_version = serializers.BooleanField(
        help_text="Whether it runs again when an input that is named without a version gets a new one."
    )
    is_volatile = serializers.BooleanField(help_text="Whether chance or the clock is part of it.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)


class DerivedVersionSerializer(serializers.Serializer):
    dataset = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")
