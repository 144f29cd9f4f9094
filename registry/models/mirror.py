"""What a training mirrors to an MLflow server: rows of work to do, which survive an outage of it."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from catalog.models import Dataset


class MirrorQuerySet(models.QuerySet):
    def enqueue(self, versions) -> int:
        """Have versions mirrored, if there is a server; those that are queued or mirrored already stay as they are."""
        if not settings.MLFLOW_MIRROR_URI:
            return 0
        rows = [self.model(model_version=version) for version in versions]
        return len(self.bulk_create(rows, ignore_conflicts=True))

    def due(self):
        """Those to work on now, the oldest first."""
        return self.filter(finished_at=None, due_at__lte=timezone.now()).order_by("due_at", "pk")


class MirroredVersion(models.Model):
    """A model version and its run on the server; `finished_at` is empty until all of it is there."""

    NOUN = "mirrored version"

    model_version = models.OneToOneField(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="mirrored"
    )
    experiment_id = models.CharField(max_length=100, blank=True)
    run_id = models.CharField(max_length=100, blank=True)
    number = models.CharField(max_length=20, blank=True, help_text="Of the registered model's version there.")
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, help_text="When it is tried next.")
    error = models.TextField(blank=True, help_text="Why the last try failed.")
    finished_at = models.DateTimeField(null=True)

    objects = MirrorQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["finished_at", "due_at"], name="mirrored_due")]

    def __str__(self):
        return f"{self.model_version} on MLflow"


class MirroredModel(models.Model):
    """A dataset as a registered model of the server, with the aliases that were set there."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="mirrored")
    aliases = models.JSONField(default=dict, help_text="The number of the version there, by alias.")
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now, help_text="When it is tried next.")
    error = models.TextField(blank=True, help_text="Why the last try failed.")

    def __str__(self):
        return f"{self.dataset.name} on MLflow"
