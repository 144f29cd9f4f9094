"""Training jobs."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import DatasetVersion
from mlplatform.jobs.models import ChildJob, JobState
from registry.querysets import TrainingJobQuerySet


class TrainingJob(ChildJob):
    """A request to train, its state and its outcome."""

    WORK = "registry.jobs.attempt.run_claimed"
    ACTIVITY = "The training"
    RETRY_HINT = "Train again."
    MEMORY_HINT = "Use fewer rows or columns, or a smaller model."

    dataset_name = models.CharField(max_length=100)
    dataset_version = models.ForeignKey(
        DatasetVersion, null=True, on_delete=models.SET_NULL, related_name="training_jobs"
    )
    request = models.JSONField(help_text="The training request, with all defaults filled in.")
    stage = models.CharField(max_length=20, blank=True, help_text="The current stage: loading, fitting ...")
    timings = models.JSONField(default=list, help_text="The stages so far: [name, start time in ISO format].")
    expected_s = models.FloatField(null=True, help_text="The expected duration, from earlier trainings.")
    warnings = models.JSONField(default=list, help_text="The warnings of the preflight checks.")
    timeout_s = models.PositiveIntegerField(null=True, help_text="The time limit in seconds.")
    retrained_from = models.PositiveIntegerField(
        null=True, help_text="The number of the model version that it trains again."
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="training_jobs"
    )

    objects = TrainingJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="training_job_state"),
        ]

    def __str__(self):
        return f"job {self.pk} on {self.dataset_name}"

    @classmethod
    def initial_fields(cls) -> dict:
        return super().initial_fields() | {"stage": "", "timings": []}

    @property
    def memory_limit_mb(self) -> int:
        return settings.TRAIN_MEMORY_MB

    @property
    def time_limit_s(self) -> int:
        return self.timeout_s or settings.TRAIN_TIMEOUT_S

    @property
    def is_group(self) -> bool:
        """Whether it runs the trials of a training group. A query, unless the group is selected with the job."""
        return hasattr(self, "group")

    @property
    def algorithm(self) -> str:
        """The class name, from the annotation of lists, which do not load the request; "" if it tries several."""
        if hasattr(self, "class_name"):
            return self.class_name
        return self.request.get("model", {}).get("class", "")

    @property
    def algorithm_label(self) -> str:
        """The algorithm, for people."""
        return self.algorithm or "Several algorithms"
