"""How the API describes model versions beside each other: their predictions that differ, and their speed."""

from rest_framework import serializers

from registry.comparison.differences import BETTER, UNCLEAR, WORSE


class PairedDifferenceSerializer(serializers.Serializer):
    """The difference of a metric on the rows that both versions held out."""

    metric = serializers.CharField()
    better = serializers.ChoiceField(["higher", "lower"])
    live = serializers.FloatField()
    coming = serializers.FloatField()
    difference = serializers.FloatField(help_text="Of the new version to the live one.")
    interval = serializers.ListField(child=serializers.FloatField(), help_text="Its 95 % interval.")
    p_value = serializers.FloatField(
        help_text="Of all metrics but the primary one, corrected for their number (Holm)."
    )
    verdict = serializers.ChoiceField(
        [BETTER, WORSE, UNCLEAR], help_text="Of the new version; clear if the difference is more than noise."
    )


class ChangedPredictionSerializer(serializers.Serializer):
    row = serializers.IntegerField(help_text="Its number in the dataset version of the new version, from 1.")
    inputs = serializers.DictField()
    live = serializers.JSONField()
    coming = serializers.JSONField()
    actual = serializers.JSONField()


class ChangedPredictionsSerializer(serializers.Serializer):
    rows = serializers.IntegerField()
    source = serializers.CharField(help_text="Which rows were predicted.")
    different = serializers.IntegerField(help_text="How many are predicted differently.")
    mean_difference = serializers.FloatField(
        required=False, help_text="Of numbers: the mean of the absolute differences."
    )
    largest = ChangedPredictionSerializer(many=True, help_text="The 20 largest differences.")
    paired = PairedDifferenceSerializer(
        allow_null=True, help_text="Of the primary metric; null if it cannot be tested."
    )
    paired_metrics = PairedDifferenceSerializer(
        many=True, help_text="Of all metrics that can be tested, the primary one first."
    )
    conclusion = serializers.CharField(help_text="Whether the difference is more than noise, in a sentence.")


class SpeedSerializer(serializers.Serializer):
    """How fast a version predicts, as it was measured when it was registered; null if it was not."""

    engine = serializers.CharField(default=None, allow_null=True)
    one_row_s = serializers.FloatField(default=None, allow_null=True)
    thousand_rows_s = serializers.FloatField(default=None, allow_null=True)
    memory_bytes = serializers.IntegerField(default=None, allow_null=True)
