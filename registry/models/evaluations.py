"""Evaluations: model versions that are measured on other data than that of their training."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KT

from catalog.models import DatasetVersion
from mlplatform.jobs.models import ChildJob, JobQuerySet, JobState
from registry.evaluation import definitions
from registry.models.versions import ModelVersion
from registry.querysets import MODEL_VERSION_COLUMNS, metric


class EvaluationQuerySet(JobQuerySet):
    def for_lists(self):
        """With the model version and the user, and each metric as `metric_accuracy`, without wide columns.

        The metrics of 1,000 classes have a matrix of a million cells.
        """
        return (
            self.select_related("model_version__dataset", "requested_by")
            .defer("log", "traceback", "metrics", *MODEL_VERSION_COLUMNS)
            .annotate(**{f"metric_{one.name}": metric(one.name) for one in definitions.METRICS})
        )

    def with_metric(self, name: str):
        """With the `value` of one metric, its `interval` as JSON and the user, without wide columns."""
        return (
            self.select_related("requested_by")
            .defer("log", "traceback", "metrics")
            .annotate(value=metric(name), interval=KT(f"metrics__intervals__{name}"))
        )


class Evaluation(ChildJob):
    """A request to measure a model version on a dataset version, its state and its outcome."""

    WORK = "registry.jobs.evaluation.run_claimed"
    NOUN = "evaluation"
    ACTIVITY = "The evaluation"
    RETRY_HINT = "Evaluate again."
    MEMORY_HINT = "Use fewer rows, or a smaller model."

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="evaluations")
    dataset_name = models.CharField(max_length=100)
    number = models.PositiveIntegerField(help_text="The number of the dataset version.")
    dataset_version = models.ForeignKey(
        DatasetVersion, null=True, on_delete=models.SET_NULL, related_name="evaluations"
    )
    rows = models.PositiveBigIntegerField(null=True, help_text="The rows that were measured.")
    metrics = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="evaluations"
    )

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="evaluation_state"),
        ]

    def __str__(self):
        return f"evaluation {self.pk} of {self.model_version} on {self.dataset_name} version {self.number}"

    @classmethod
    def initial_fields(cls) -> dict:
        return super().initial_fields() | {"rows": None, "metrics": {}, "warnings": []}

    @property
    def memory_limit_mb(self) -> int:
        return settings.TRAIN_MEMORY_MB

    @property
    def time_limit_s(self) -> int:
        return settings.TRAIN_TIMEOUT_S
