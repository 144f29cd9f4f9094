"""POST /predict: from a JSON body to the response body, for the API view and for the fast path."""

from rest_framework import serializers

from mlplatform.validation.serializers import MAX_VERSION, Serializer, VersionField
from serving import prediction
from serving.prediction import Prediction

FIELDS = frozenset(("dataset_name", "environment", "input_data", "version", "probabilities", "warnings"))


class InputDataSerializer(Serializer):
    features = serializers.JSONField(
        help_text="Rows: lists of values in the order of the model's columns, or objects keyed by column name."
    )


class PredictSerializer(Serializer):
    dataset_name = serializers.CharField(max_length=255)
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    input_data = InputDataSerializer()
    version = VersionField(
        required=False, allow_null=True, default=None,
        help_text="A version that is or was live in this environment, which is not retired. Default: the live one.",
    )  # fmt: skip
    probabilities = serializers.BooleanField(default=False, help_text="Return the probability of each class.")
    warnings = serializers.BooleanField(
        default=False,
        help_text="Return the input warnings: missing values, unseen categories, values outside the training range.",
    )


def predict(body, *, by) -> dict:
    """The response to a request body. Raises what prediction.predict() and the serializer raise."""
    request = body if is_valid(body) else PredictSerializer.validated(body)
    result = prediction.predict(
        request["dataset_name"],
        stage=request["environment"],
        rows=request["input_data"]["features"],
        by=by,
        version=request.get("version"),
        probabilities=request.get("probabilities", False),
        warnings=request.get("warnings", False),
    )
    return response_body(result)


def is_valid(body) -> bool:
    """Whether the serializer would return the body unchanged.

    Nearly all bodies are, and the serializer takes longer than the rest of the request.
    """
    if type(body) is not dict or type(body.get("input_data")) is not dict:
        return False
    name, stage, version = body.get("dataset_name"), body.get("environment"), body.get("version")
    return (
        body.keys() <= FIELDS
        and type(name) is str
        and 0 < len(name) <= 255
        and name == name.strip()
        and "\0" not in name
        and type(stage) is str
        and 0 < len(stage) <= 20
        and stage == stage.strip()
        and "\0" not in stage
        and body["input_data"].keys() == {"features"}
        and body["input_data"]["features"] is not None
        and (version is None or (type(version) is int and 0 < version <= MAX_VERSION))
        and type(body.get("probabilities", False)) is bool
        and type(body.get("warnings", False)) is bool
    )


def response_body(result: Prediction) -> dict:
    release = result.release
    body = {
        "dataset": release.dataset.name,
        "environment": release.stage,
        "version": release.model_version.number,
        "predictions": result.predictions,
    }
    if result.probabilities is not None:
        body |= {"classes": result.classes, "probabilities": result.probabilities}
    if result.warnings is not None:
        body["warnings"] = result.warnings
    return body
