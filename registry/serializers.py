"""JSON representations of model versions."""

from rest_framework import serializers

from mlplatform.lists.pagination import BeginningField
from registry.evaluation import findings
from registry.fields import EnvironmentField, MetricsField
from registry.models import ModelVersion, Stage
from registry.releases import deletion
from registry.training import preparation


class PreparationSerializer(serializers.Serializer):
    column = serializers.CharField()
    prepare = serializers.ChoiceField(list(preparation.LABELS))
    reason = serializers.CharField()


class ModelRowSerializer(serializers.ModelSerializer):
    """A row of the list of model versions: the main metrics of its task, and none of the fields that name columns."""

    metrics = serializers.DictField(
        child=serializers.FloatField(),
        source="main_metrics",
        help_text="The main metrics of its task, the primary one, and those that the list is ordered by.",
    )
    intervals = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField(), min_length=2, max_length=2),
        source="main_intervals",
        help_text="The 95 % intervals of these metrics.",
    )
    version = serializers.IntegerField(source="number")
    name = serializers.CharField()
    environment = EnvironmentField()
    live_in = serializers.ListField(
        child=serializers.ChoiceField(Stage.choices),
        source="live_stages",
        help_text="The stages in which the version is live now, from the lowest to the highest.",
    )
    description = BeginningField()
    reached = serializers.ChoiceField(
        Stage.choices, help_text="The highest stage in which the version was ever live."
    )
    dataset = serializers.CharField(source="dataset.name")
    dataset_version = serializers.IntegerField(source="dataset_version.number")
    artifact_path = serializers.CharField()
    trained_by = serializers.CharField(source="trained_by.username", default=None, allow_null=True)
    job = serializers.IntegerField(source="job_id", allow_null=True)
    tags = serializers.ListField(child=serializers.CharField(), source="tag_names")
    favourite = serializers.BooleanField(
        source="is_favourite", help_text="Whether it is a favourite of yours."
    )

    class Meta:
        model = ModelVersion
        fields = [
            "id", "name", "version", "environment", "live_in", "reached", "dataset", "dataset_version",
            "artifact_path", "artifact_size", "artifact_sha256", "algorithm", "module", "task", "description", "target",
            "metrics", "intervals", "primary_metric", "test_size", "split", "measured", "trained", "sample_weight",
            "refit", "iterations", "random_state", "rows_train", "rows_test", "training_s", "trained_at", "trained_by",
            "promoted_at", "job", "retrained_from", "imported_from", "imported_format", "tags", "favourite",
        ]  # fmt: skip


class ModelSerializer(ModelRowSerializer):
    intervals = favourite = None  # the one is among its metrics, the other in lists only
    description = serializers.CharField()
    metrics = MetricsField()
    decision = serializers.DictField(
        help_text="`threshold` of the probability of the class `positive`, what it was tuned for (`metric` or "
        "`costs`), and `calibration`; empty for a model that decides by itself."
    )
    findings = serializers.SerializerMethodField(
        help_text="Warnings about the metrics: no better than the baseline, or far better on the training rows."
    )
    deletion = serializers.SerializerMethodField(
        help_text="Which version dev serves after the deletion of this one; empty if it is not live in dev."
    )
    preparation = PreparationSerializer(many=True)
    compatibility = serializers.CharField(
        help_text="`trained with scikit-learn 1.9.1, verified on 1.9.2`", read_only=True
    )

    engine = serializers.CharField(
        source="verification.engine", default=None, allow_null=True, help_text="The inference engine."
    )
    one_row_s = serializers.FloatField(
        source="verification.one_row_s",
        default=None,
        allow_null=True,
        help_text="The seconds of a prediction of one row, measured when the version was registered.",
    )
    thousand_rows_s = serializers.FloatField(
        source="verification.thousand_rows_s", default=None, allow_null=True, help_text="Those of 1,000 rows."
    )
    memory_bytes = serializers.IntegerField(
        source="verification.memory_bytes",
        default=None,
        allow_null=True,
        help_text="The memory of the loaded model, estimated.",
    )

    class Meta(ModelRowSerializer.Meta):
        fields = [
            *(name for name in ModelRowSerializer.Meta.fields if name not in {"intervals", "favourite"}),
            "features", "signature", "preparation", "decision", "parameters",
            "findings", "warnings", "libraries", "deletion", "compatibility",
            "engine", "one_row_s", "thousand_rows_s", "memory_bytes",
        ]  # fmt: skip

    def get_findings(self, version) -> list[str]:
        return findings.of_metrics(version.metrics, task=version.task, primary=version.primary_metric)

    def get_deletion(self, version) -> str:
        return deletion.effect(version)
