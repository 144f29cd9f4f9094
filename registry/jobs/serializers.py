"""JSON representations of training requests and jobs."""

from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from catalog.readers.cells.column_types import MAX_COLUMNS
from mlplatform.auth import permissions
from mlplatform.openapi import DATASET, ErrorSerializer
from mlplatform.validation.serializers import BoundedListField, Serializer, VersionField
from registry.estimators import decision
from registry.evaluation import definitions
from registry.fields import EnvironmentField, MetricsField, NameField
from registry.jobs.request_fields import AlgorithmSerializer, SplitMethodSerializer, ThresholdField
from registry.jobs.search_serializers import AutoSerializer, SearchSerializer, check_what_to_try
from registry.models import ModelVersion, Stage, TrainingGroup, TrainingJob
from registry.search.plan import MAX_MODELS
from registry.training import preparation, validation
from registry.training.request import TrainingRequest

TRAIN_EXAMPLE = {
    "dataset_name": DATASET,
    "use_example": True,
    "model": {"module": "ensemble", "class": "RandomForestClassifier", "params": {"n_estimators": 100}},
    "target_column": "target",
    "test_size": 0.2,
    "random_state": 42,
}


SEARCH = {"params": {"max_depth": {"low": 2, "high": 8}, "criterion": ["gini", "entropy"]}, "n_trials": 5}
TREE_ALONE = {"module": "tree", "class": "DecisionTreeClassifier"}
TREE = {"module": "tree", "class": "DecisionTreeClassifier", "params": {"max_depth": 3}}


@extend_schema_serializer(
    examples=[
        OpenApiExample("Iris", TRAIN_EXAMPLE, request_only=True),
        OpenApiExample("Iris, another algorithm", TRAIN_EXAMPLE | {"model": TREE}, request_only=True),
        OpenApiExample(
            "Iris, a search", TRAIN_EXAMPLE | {"model": TREE_ALONE, "search": SEARCH}, request_only=True
        ),
    ]
)
class TrainSerializer(Serializer):
    dataset_name = NameField()
    use_example = serializers.BooleanField(
        default=False,
        help_text="Add the scikit-learn example with this name, or iris under any other name, and train on it. An "
        "existing dataset with other content is a conflict (409).",
    )
    dataset_version = VersionField(required=False, allow_null=True)
    model = AlgorithmSerializer(required=False, help_text="Or several `models`, or `auto`.")
    models = BoundedListField(
        child=AlgorithmSerializer(),
        required=False,
        allow_null=True,
        allow_empty=False,
        max_items=MAX_MODELS,
        help_text="Instead of `model`: the algorithms that a training group compares, on the same folds.",
    )
    search = SearchSerializer(
        required=False, allow_null=True, help_text="With `model`: search for its best parameters."
    )
    auto = AutoSerializer(
        required=False,
        allow_null=True,
        help_text="Instead of `model`: find the best algorithm and parameters.",
    )
    keep = serializers.ChoiceField(
        TrainingGroup.Keep.choices,
        required=False,
        help_text="Of a group: which of its trials become model versions, the best (default) or all.",
    )
    target_column = serializers.CharField(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        help_text="Defaults to `target`, `label`, `class` or `y`, else the last column. Clustering needs none: null.",
    )
    features = BoundedListField(
        child=serializers.CharField(trim_whitespace=False),
        required=False,
        allow_null=True,
        max_items=MAX_COLUMNS,
    )
    test_size = serializers.FloatField(
        default=TrainingRequest.test_size,
        help_text="The share of held-out rows: above 0, below 1. The splits `column` and `dataset_version` ignore it.",
    )
    split = SplitMethodSerializer(required=False)
    cv = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=2, max_value=validation.MAX_FOLDS,
        help_text="The number of folds of a cross-validation on the training rows, which follows the split: grouped or "
        "in the order of time.",
    )  # fmt: skip
    cv_repeats = serializers.IntegerField(
        default=1, min_value=1, max_value=validation.MAX_REPEATS, help_text="How often the folds are drawn."
    )
    sample_weight = serializers.CharField(
        required=False, allow_null=True, default=None, trim_whitespace=False,
        help_text="A column with the weight of each row in the fit. The metrics count every row once.",
    )  # fmt: skip
    refit = serializers.BooleanField(
        default=False, help_text="Fit the model again on all rows after it was measured."
    )
    random_state = serializers.IntegerField(
        default=TrainingRequest.random_state,
        allow_null=True,
        min_value=0,
        max_value=2**32 - 1,
        help_text="The seed of the split and the model.",
    )
    prepare = serializers.DictField(
        child=serializers.ChoiceField(list(preparation.LABELS)),
        required=False,
        default=dict,
        help_text="How to prepare columns, by name; the other columns are prepared as fits their values.",
    )
    primary_metric = serializers.ChoiceField(
        [metric.name for metric in definitions.METRICS if metric.better],
        required=False,
        allow_null=True,
        default=None,
        help_text="The metric to compare versions by: by default that of the latest version of the dataset and target, "
        "else accuracy, r2 or silhouette_score.",
    )
    threshold = ThresholdField(required=False, allow_null=True, default=None)
    calibration = serializers.ChoiceField(
        list(decision.CALIBRATIONS),
        required=False,
        allow_null=True,
        default=None,
        help_text="Calibrate the probabilities of two classes, in folds of the training rows.",
    )
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=10_000)
    timeout_s = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="The time limit of the training in seconds."
    )

    def validate(self, data):
        check_what_to_try(data)
        return data


class GroupNumberField(serializers.IntegerField):
    """The number of the training group that a job runs, or null."""

    def __init__(self, **kwargs):
        super().__init__(allow_null=True, read_only=True, **kwargs)

    def to_representation(self, job) -> int | None:
        return job.group.pk if job.is_group else None


def url_of(job: TrainingJob) -> str:
    """Where to follow a job: its training group, or else itself."""
    return reverse("api-group", args=[job.group.pk]) if job.is_group else reverse("api-job", args=[job.pk])


class JobResultSerializer(serializers.ModelSerializer):
    """The model version that a job created, in lists."""

    dataset = serializers.CharField(source="dataset.name")
    version = serializers.IntegerField(source="number")
    environment = EnvironmentField()
    model_file = serializers.CharField()

    class Meta:
        model = ModelVersion
        fields = ["dataset", "version", "environment", "model_file", "target"]


class JobModelSerializer(JobResultSerializer):
    """The model version that a job created, with the fields that name columns."""

    metrics = MetricsField()

    class Meta(JobResultSerializer.Meta):
        fields = [*JobResultSerializer.Meta.fields, "features", "split", "measured", "metrics", "warnings"]


class JobRowSerializer(serializers.ModelSerializer):
    """A row of the list of jobs, without the request and other fields that name every column."""

    url = serializers.SerializerMethodField()
    algorithm = serializers.CharField(help_text="Empty for a group that tries several.")
    group = GroupNumberField(source="*")
    dataset = serializers.CharField(source="dataset_name")
    dataset_version = serializers.IntegerField(source="dataset_version.number", default=None, allow_null=True)
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True)
    result = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()

    class Meta:
        model = TrainingJob
        fields = [
            "id", "url", "state", "stage", "progress", "dataset", "dataset_version", "algorithm", "result", "error",
            "group", "expected_s", "memory_bytes", "memory_peak_bytes", "timeout_s", "attempt", "requested_by",
            "requested_at", "started_at", "finished_at",
        ]  # fmt: skip

    def get_url(self, job) -> str:
        return reverse("api-job", args=[job.pk])

    @extend_schema_field(JobResultSerializer(allow_null=True))
    def get_result(self, job):
        version = getattr(job, "model_version", None)
        return JobResultSerializer(version).data if version else None

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job):
        return {"detail": job.error, "code": job.error_code, "fields": {}} if job.error else None


class JobSerializer(JobRowSerializer):
    class Meta(JobRowSerializer.Meta):
        fields = [*JobRowSerializer.Meta.fields, "request", "warnings", "timings"]

    @extend_schema_field(JobModelSerializer(allow_null=True))
    def get_result(self, job):
        version = getattr(job, "model_version", None)
        return JobModelSerializer(version).data if version else None


class JobDetailSerializer(JobSerializer):
    """A job with all its fields; only administrators see the traceback of a crash."""

    traceback = serializers.SerializerMethodField()

    class Meta(JobSerializer.Meta):
        fields = [*JobSerializer.Meta.fields, "traceback"]

    def get_traceback(self, job) -> str | None:
        return job.traceback or None if permissions.can(self.context["request"].user, "administer") else None


class JobLogSerializer(serializers.Serializer):
    job = serializers.IntegerField(source="pk")
    lines = serializers.SerializerMethodField()

    def get_lines(self, job) -> list[str]:
        return job.log.splitlines()


class TrainedSerializer(JobModelSerializer):
    """The response to a training that finished within the waiting time."""

    message = serializers.SerializerMethodField()
    environment = serializers.SerializerMethodField(
        help_text="Where the training made it live: dev, even if another training has replaced it since."
    )
    example = serializers.SerializerMethodField(
        help_text="The scikit-learn example that is the dataset, if any."
    )
    job = serializers.IntegerField(source="job_id")
    group = GroupNumberField(source="job")

    class Meta:
        model = ModelVersion
        fields = ["message", "example", *JobModelSerializer.Meta.fields, "parameters", "job", "group"]

    @extend_schema_field(serializers.ChoiceField(Stage.choices))
    def get_environment(self, version) -> str:
        return Stage.DEV

    def get_message(self, version) -> str:
        example = version.dataset_version.example
        data = f" on scikit-learn's {example} example" if example else ""
        return f"Version {version.number} of `{version.dataset.name}` was {version.origin}{data} and is live in dev."

    def get_example(self, version) -> str | None:
        return version.dataset_version.example or None


class QueuedSerializer(serializers.Serializer):
    """The response to a training that has not finished yet."""

    job = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    example = serializers.SerializerMethodField(
        help_text="The scikit-learn example that is the dataset, if any."
    )
    warnings = serializers.SerializerMethodField()
    group = GroupNumberField(source="*")
    url = serializers.SerializerMethodField(help_text="Of the training group, or else of the job.")

    def get_example(self, job) -> str | None:
        return job.dataset_version.example or None

    def get_warnings(self, job) -> list[str]:
        return [warning["detail"] for warning in job.warnings]

    def get_url(self, job) -> str:
        return url_of(job)
