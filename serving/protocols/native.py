"""POST /predict: from a JSON body to the response body, for the API view and for the fast path."""

from dataclasses import asdict

from rest_framework import serializers

from mlplatform.validation.serializers import MAX_VERSION, Serializer, VersionField
from serving import prediction
from serving.explanation import reasons
from serving.explanation.reasons import Explanation
from serving.prediction import Prediction

FIELDS = frozenset(
    ("dataset_name", "environment", "input_data", "version", "probabilities", "warnings", "explain")
)


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
    explain = serializers.BooleanField(
        default=False,
        help_text=f"Return what each column contributes to each prediction, for at most {reasons.MAX_ROWS} rows.",
    )


class InputWarningSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text="The row's number, from 1.")
    column = serializers.CharField()
    kind = serializers.CharField(help_text="`imputed`, `unseen_category` or `out_of_range`")


class ReasonsSerializer(serializers.Serializer):
    """base_value + the contributions = prediction."""

    predicted = serializers.JSONField(
        required=False, help_text="The class or cluster that the reasons are about; not of a regressor."
    )
    base_value = serializers.FloatField(help_text="The prediction without knowing any column.")
    prediction = serializers.FloatField()
    contributions = serializers.DictField(child=serializers.FloatField(), help_text="By input column.")
    standard_errors = serializers.DictField(
        child=serializers.FloatField(allow_null=True), required=False, help_text="Of sampled contributions."
    )


class ExplanationSerializer(serializers.Serializer):
    method = serializers.CharField(help_text=", ".join(f"`{name}`" for name in reasons.METHODS))
    unit = serializers.CharField(
        help_text=f"Of base value, contributions and prediction: {', '.join(f'`{name}`' for name in reasons.UNITS)}"
    )
    rows = ReasonsSerializer(many=True)


class PredictionSerializer(serializers.Serializer):
    dataset = serializers.CharField()
    environment = serializers.CharField()
    version = serializers.IntegerField()
    predictions = serializers.ListField(child=serializers.JSONField())
    classes = serializers.ListField(child=serializers.JSONField(), required=False)
    probabilities = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), required=False
    )
    warnings = InputWarningSerializer(many=True, required=False)
    explanation = ExplanationSerializer(required=False)


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
        explain=request.get("explain", False),
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
        and type(body.get("explain", False)) is bool
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
    if result.explanation is not None:
        body["explanation"] = explanation_body(result.explanation)
    return body


def explanation_body(explanation: Explanation) -> dict:
    """Without the standard errors of what is exact, and the class of what is a number."""
    rows = [
        {key: value for key, value in asdict(row).items() if value is not None} for row in explanation.rows
    ]
    return {"method": explanation.method, "unit": explanation.unit, "rows": rows}
