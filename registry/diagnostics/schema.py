"""How the API describes the diagnostics of model versions."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from registry.diagnostics import fairness
from registry.models import Diagnostics


class SliceSerializer(serializers.Serializer):
    """Some of the held-out rows: with one `value` of a column, from `low` to `high`, or without a value."""

    column = serializers.CharField()
    type = serializers.CharField(help_text="Of the column.")
    kind = serializers.ChoiceField(
        ["value", "range", "missing", "other"], help_text="`other`: all rare values."
    )
    value = serializers.JSONField(required=False, allow_null=True)
    low = serializers.JSONField(required=False)
    high = serializers.JSONField(required=False)
    rows = serializers.IntegerField()
    values = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text="The metrics of these rows; of numbers also `mean_error`, predicted minus actual.",
    )
    interval = serializers.ListField(child=serializers.FloatField(), help_text="95 %, of the `metric`.")
    difference = serializers.FloatField(help_text="Of the `metric` to that of all rows.")
    p_value = serializers.FloatField(allow_null=True, help_text="Corrected for the number of slices (Holm).")
    is_clear = serializers.BooleanField(
        help_text="Whether the difference to the other rows is more than noise."
    )
    counts = serializers.DictField(
        child=serializers.ListField(child=serializers.IntegerField()),
        required=False,
        help_text="Of each class: how many rows have it (`actual`), for how many it is `predicted`, for how many "
        "rightly (`correct`).",
    )


class SlicesSerializer(serializers.Serializer):
    """How well the version predicts parts of its held-out rows."""

    metric = serializers.CharField(help_text="By which slices are compared: a mean over rows.")
    also = serializers.ListField(child=serializers.CharField(), help_text="Other metrics in `values`.")
    rows = serializers.IntegerField()
    whole = serializers.DictField(child=serializers.FloatField(allow_null=True), help_text="Of all rows.")
    min_rows = serializers.IntegerField(help_text="Of a slice; smaller ones are left out.")
    classes = serializers.ListField(
        child=serializers.JSONField(), allow_null=True, help_text="In the order of `counts`."
    )
    slices = SliceSerializer(many=True, help_text="The worst first.")
    columns = serializers.ListField(child=serializers.CharField(), help_text="That were sliced.")
    columns_left_out = serializers.IntegerField(help_text="That were not, in the time allowed.")


class WorstRowSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text="Its number in the dataset version, from 1.")
    actual = serializers.JSONField()
    predicted = serializers.JSONField()
    inputs = serializers.DictField(help_text="The first 30.")
    probability = serializers.FloatField(required=False, help_text="Of the predicted class.")
    probability_of_actual = serializers.FloatField(required=False, help_text="Of the actual class.")
    error = serializers.FloatField(required=False, help_text="Of a number: predicted minus actual.")


class WorstRowsSerializer(serializers.Serializer):
    measured = serializers.IntegerField()
    wrong = serializers.IntegerField()
    inputs = serializers.ListField(child=serializers.CharField())
    rows = WorstRowSerializer(many=True)


class SectionsSerializer(serializers.Serializer):
    """By name; one that does not apply to the version is absent."""

    slices = SlicesSerializer(required=False)
    worst_rows = WorstRowsSerializer(required=False)
    curves = serializers.DictField(required=False, help_text="Of a classifier.")
    residuals = serializers.DictField(
        required=False, help_text="Of a regressor. Residuals are actual minus predicted values."
    )
    clusters = serializers.DictField(required=False, help_text="Of a clusterer.")
    importance = serializers.DictField(required=False, help_text="Of the input columns, by permutation.")
    dependence = serializers.DictField(
        required=False, help_text="Of the predictions on the most important columns."
    )


class DiagnosticsSerializer(serializers.ModelSerializer):
    """What was computed about a model version on its held-out rows; of a clusterer on all rows."""

    model = serializers.CharField(source="model_version.dataset.name", help_text="The dataset of the model.")
    version = serializers.IntegerField(source="model_version.number")
    sections = serializers.SerializerMethodField()

    class Meta:
        model = Diagnostics
        fields = ["model", "version", "computed_at", "duration_s", "sections"]

    @extend_schema_field(SectionsSerializer)
    def get_sections(self, diagnostics) -> dict:
        return diagnostics.sections


class RateSerializer(serializers.Serializer):
    value = serializers.FloatField(allow_null=True, help_text="Null without such rows.")
    interval = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text="The 95 % interval: low and high."
    )


class GroupOfRowsSerializer(serializers.Serializer):
    slice = serializers.DictField(source="described", help_text="As in the diagnostics.")
    rows = serializers.IntegerField()
    selection_rate = RateSerializer(help_text="Of the rows, how many are predicted as the class.")
    true_positive_rate = RateSerializer(help_text="Of the rows of the class.")
    false_positive_rate = RateSerializer(help_text="Of the other rows.")


class GapSerializer(serializers.Serializer):
    rate = serializers.ChoiceField(fairness.RATES)
    difference = serializers.FloatField(allow_null=True, help_text="The highest rate minus the lowest.")
    ratio = serializers.FloatField(allow_null=True, help_text="The lowest rate over the highest.")


class ColumnGroupsSerializer(serializers.Serializer):
    column = serializers.CharField()
    groups = GroupOfRowsSerializer(many=True)
    gaps = GapSerializer(many=True)
    equalized_odds_difference = serializers.FloatField(allow_null=True)


class FairnessSerializer(serializers.Serializer):
    """The rates of a classifier for groups of its held-out rows."""

    positive = serializers.JSONField(help_text="The class whose predictions are counted.")
    columns = ColumnGroupsSerializer(many=True)
