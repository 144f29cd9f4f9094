"""Evaluations: model versions that are measured on other data than that of their training."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import DatasetVersion
from mlplatform.jobs.models import ChildJob, JobState
from registry.models.versions import ModelVersion
from registry.querysets import EvaluationQuerySet


class Evaluation(ChildJob):
    """A request to measure a model version on a dataset version, its state and its outcome."""

    class Kind(models.TextChoices):
        """On the dataset version of the training, the held-out rows are measured, or the training is repeated."""

        OTHER_DATA = "other_data", "other data"
        DIAGNOSTICS = "diagnostics", "diagnostics"
        LEARNING_CURVE = "learning_curve", "learning curve"

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
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.OTHER_DATA)
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
