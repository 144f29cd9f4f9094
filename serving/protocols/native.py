"""POST /predict: a JSON body -> the prediction -> the answer. The same for the API view and for the fast lane."""

from rest_framework import serializers

from serving import prediction
from serving.prediction import Prediction

LARGEST = 2**31 - 1


class InputDataSerializer(serializers.Serializer):
    features = serializers.JSONField(
        help_text="Rows: lists of values in the order of the model's columns, or objects keyed by column name."
    )


class PredictSerializer(serializers.Serializer):
    dataset_name = serializers.CharField(max_length=255)
    environment = serializers.CharField(max_length=20, help_text="`dev`, `staging` or `production`")
    input_data = InputDataSerializer()
    version = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=LARGEST,
        help_text="A version that is or was live in this environment; the live one when left out.",
    )  # fmt: skip
    probabilities = serializers.BooleanField(default=False)
    warnings = serializers.BooleanField(
        default=False, help_text="Say for each row what was imputed, unseen in training or outside its range."
    )


def answer(body, *, by) -> dict:
    """Predict what a body asks for. Raises what prediction.predict() and the serializer raise."""
    wanted = body if is_plain(body) else _validated(body)
    made = prediction.predict(
        wanted["dataset_name"],
        stage=wanted["environment"],
        rows=wanted["input_data"]["features"],
        by=by,
        version=wanted.get("version"),
        probabilities=wanted.get("probabilities", False),
        warnings=wanted.get("warnings", False),
    )
    return described(made)


def is_plain(body) -> bool:
    """Whether a body is as the serializer would leave it: nearly all are, and its checks take longer than the rest."""
    if type(body) is not dict or type(body.get("input_data")) is not dict:
        return False
    name, stage, version = body.get("dataset_name"), body.get("environment"), body.get("version")
    return (
        type(name) is str
        and 0 < len(name) <= 255
        and name == name.strip()
        and type(stage) is str
        and 0 < len(stage) <= 20
        and stage == stage.strip()
        and "features" in body["input_data"]
        and body["input_data"]["features"] is not None
        and (version is None or (type(version) is int and 0 < version <= LARGEST))
        and type(body.get("probabilities", False)) is bool
        and type(body.get("warnings", False)) is bool
    )


def _validated(body) -> dict:
    form = PredictSerializer(data=body)
    form.is_valid(raise_exception=True)
    return form.validated_data


def described(made: Prediction) -> dict:
    release = made.release
    told = {
        "dataset": release.dataset.name,
        "environment": release.stage,
        "version": release.model_version.number,
        "predictions": made.predictions,
    }
    if made.probabilities is not None:
        told |= {"classes": made.classes, "probabilities": made.probabilities}
    if made.warnings is not None:
        told["warnings"] = made.warnings
    return told
