"""Training groups and their trials."""

from django.db import models
from django.db.models import Q

from registry.models.jobs import TrainingJob
from registry.models.versions import ModelVersion
from registry.querysets import TrainingGroupQuerySet, TrialQuerySet


class TrainingGroup(models.Model):
    """Several trainings that one job runs on the same rows and folds, of which it registers the best."""

    class Kind(models.TextChoices):
        MODELS = "models", "several algorithms"
        SEARCH = "search", "search"
        AUTO = "auto", "automatic"

    class Keep(models.TextChoices):
        BEST = "best", "the best"
        ALL = "all", "all"

    job = models.OneToOneField(TrainingJob, on_delete=models.CASCADE, related_name="group")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    algorithm = models.CharField(
        max_length=100, blank=True, help_text="The class name, if it tries only one."
    )
    metric = models.CharField(max_length=50, help_text="The metric that ranks the trials.")
    keep = models.CharField(max_length=10, choices=Keep.choices, default=Keep.BEST)
    n_trials = models.PositiveIntegerField(null=True, help_text="The largest number of trials.")
    time_budget_s = models.PositiveIntegerField(null=True, help_text="The time for all trials, in seconds.")

    objects = TrainingGroupQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["models", "search", "auto"]), name="training_group_kind"
            ),
        ]

    def __str__(self):
        return f"training group {self.pk} on {self.job.dataset_name}"

    @property
    def title(self) -> str:
        """`search for RandomForestClassifier`, `several algorithms`, `automatic`"""
        return f"search for {self.algorithm}" if self.kind == self.Kind.SEARCH else self.get_kind_display()


class Trial(models.Model):
    """One candidate of a group with its scores, written as soon as it has finished."""

    class State(models.TextChoices):
        RUNNING = "running", "running"
        COMPLETE = "complete", "complete"
        PRUNED = "pruned", "stopped early"
        FAILED = "failed", "failed"

    group = models.ForeignKey(TrainingGroup, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField()
    module = models.CharField(max_length=100)
    algorithm = models.CharField(max_length=100)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=20, choices=State.choices, default=State.RUNNING)
    fold_scores = models.JSONField(default=list, help_text="The metric on each fold that was measured.")
    mean = models.FloatField(null=True, help_text="The mean of the fold scores.")
    duration_s = models.FloatField(default=0)
    error = models.TextField(blank=True)
    model_version = models.OneToOneField(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="trial"
    )

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["group", "number"], name="trial_number"),
        ]

    def __str__(self):
        return f"trial {self.number} of group {self.group_id}"
