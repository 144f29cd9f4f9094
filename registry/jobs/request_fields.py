"""Fields of the training request that have fields of their own."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mlplatform.validation.serializers import Serializer, VersionField
from registry.estimators import decision
from registry.training import split_methods


class AlgorithmSerializer(Serializer):
    module = serializers.CharField(max_length=200, help_text="`ensemble` or `sklearn.ensemble`")
    params = serializers.DictField(required=False, default=dict)

    def get_fields(self):
        # `class` cannot be written as an attribute.
        name = serializers.CharField(max_length=200, help_text="`RandomForestClassifier`")
        return super().get_fields() | {"class": name}


class SplitMethodSerializer(Serializer):
    """Which rows are held out to measure the model."""

    method = serializers.ChoiceField(
        list(split_methods.METHODS),
        default="random",
        help_text="`random` (stratified by class), `time` (the newest rows by a `column` of dates), `group` (the "
        "values of a `column` are never on both sides), `column` (a `column` says train or test) or `dataset_version`.",
    )
    column = serializers.CharField(required=False, trim_whitespace=False)
    dataset_version = VersionField(required=False, help_text="The version of the dataset to measure on.")


COSTS = {name: {"type": "number", "exclusiveMinimum": 0} for name in decision.COSTS}


@extend_schema_field(
    {
        "nullable": True,
        "oneOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {
                "type": "object",
                "required": ["metric"],
                "properties": {"metric": {"type": "string", "enum": list(decision.TUNED_FOR)}},
            },
            {
                "type": "object",
                "required": ["costs"],
                "properties": {
                    "costs": {"type": "object", "required": list(COSTS), "properties": COSTS},
                },
            },
        ],
    }
)
class ThresholdField(serializers.JSONField):
    def __init__(self, **kwargs):
        help_text = (
            "From which probability the second of two classes is predicted: a number, or tuned in folds of the "
            'training rows for a metric, `{"metric": "f1"}`, or for the costs of the errors, '
            '`{"costs": {"false_positive": 1, "false_negative": 5}}`.'
        )
        super().__init__(help_text=help_text, **kwargs)
