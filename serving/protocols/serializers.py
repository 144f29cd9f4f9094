"""The bodies of the protocols, for the OpenAPI description only.

For speed, the protocols read and write them without serializers.
"""

from rest_framework import serializers

from mlplatform.validation.serializers import Serializer
from serving.protocols import tensors, v2

ROWS = "Rows: lists in the order of the model's columns, or objects keyed by column name."


class V2ErrorSerializer(serializers.Serializer):
    """The body of every error under /v1 and /v2."""

    error = serializers.CharField()


class MLflowErrorSerializer(serializers.Serializer):
    """The body of every error of /invocations."""

    error_code = serializers.CharField()
    message = serializers.CharField()


class ServerSerializer(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.CharField()
    extensions = serializers.ListField(child=serializers.CharField())


class LiveModelsSerializer(serializers.Serializer):
    models = serializers.ListField(child=serializers.CharField(), help_text="`name` or `name@stage`")


class TensorMetadataSerializer(serializers.Serializer):
    name = serializers.CharField()
    datatype = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField(), help_text="-1 is any size.")


class LiveModelSerializer(serializers.Serializer):
    name = serializers.CharField()
    versions = serializers.ListField(child=serializers.CharField())
    platform = serializers.CharField()
    inputs = TensorMetadataSerializer(many=True)
    outputs = TensorMetadataSerializer(many=True)


class ModelReadySerializer(serializers.Serializer):
    name = serializers.CharField()
    ready = serializers.BooleanField()


class InputTensorSerializer(Serializer):
    name = serializers.CharField(
        help_text="A column of the model, or any name if the input is a table of all columns."
    )
    shape = serializers.ListField(
        child=serializers.IntegerField(min_value=0), max_length=tensors.MAX_DIMENSIONS
    )
    datatype = serializers.CharField(help_text=", ".join(tensors.DATATYPES))
    parameters = serializers.DictField(required=False, help_text="`binary_data_size`, `content_type`")
    data = serializers.ListField(
        child=serializers.JSONField(allow_null=True),
        required=False,
        help_text="Flat or nested; null is missing. Omit it if the tensor follows in binary.",
    )


class RequestedOutputSerializer(Serializer):
    name = serializers.CharField(help_text=" or ".join(f"`{name}`" for name in v2.OUTPUTS))
    parameters = serializers.DictField(required=False, help_text="`binary_data`")


class InferenceRequestSerializer(Serializer):
    id = serializers.CharField(required=False)
    parameters = serializers.DictField(required=False, help_text="`content_type`, `binary_data_output`")
    inputs = InputTensorSerializer(many=True)
    outputs = RequestedOutputSerializer(many=True, required=False, help_text="Default: `predict`.")


class OutputTensorSerializer(serializers.Serializer):
    name = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField())
    datatype = serializers.CharField()
    parameters = serializers.DictField(
        required=False, help_text="`classes`, as a JSON string; `binary_data_size`"
    )
    data = serializers.ListField(child=serializers.JSONField(allow_null=True), required=False)


class InferenceResponseSerializer(serializers.Serializer):
    model_name = serializers.CharField()
    model_version = serializers.CharField()
    id = serializers.CharField()
    outputs = OutputTensorSerializer(many=True)


class InstancesSerializer(Serializer):
    instances = serializers.ListField(
        child=serializers.JSONField(),
        help_text=ROWS,
    )


class SplitSerializer(Serializer):
    columns = serializers.ListField(child=serializers.CharField(), required=False)
    index = serializers.ListField(child=serializers.JSONField(), required=False)
    data = serializers.ListField(child=serializers.ListField(child=serializers.JSONField(allow_null=True)))


class InvocationsSerializer(Serializer):
    """Exactly one of the first four fields."""

    dataframe_split = SplitSerializer(required=False)
    dataframe_records = serializers.ListField(child=serializers.DictField(), required=False)
    instances = serializers.JSONField(
        required=False,
        help_text=ROWS,
    )
    inputs = serializers.JSONField(
        required=False, help_text="An object of columns by name, or a list of rows."
    )
    params = serializers.DictField(required=False, help_text="Accepted and ignored.")


class PredictionsSerializer(serializers.Serializer):
    predictions = serializers.ListField(child=serializers.JSONField(allow_null=True))


class AliveSerializer(serializers.Serializer):
    status = serializers.CharField()


class LiveSerializer(serializers.Serializer):
    live = serializers.BooleanField()


class ReadinessSerializer(serializers.Serializer):
    status = serializers.CharField(help_text="`ok`, `degraded`, `not ready` or `draining`")
    ready = serializers.BooleanField()
    checks = serializers.DictField(child=serializers.CharField())
