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
        return self.filter(due_at__lte=timezone.now()).order_by("due_at", "pk")

    def make_due(self) -> int:
        """Have the rows worked on, once more if a worker does so at this moment."""
        return self.update(due_at=timezone.now())


class Mirrored(models.Model):
    """Work to do at `due_at`, which is also the lease of the worker that has claimed it."""

    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(
        null=True,
        default=timezone.now,
        db_index=True,
        help_text="When it is tried next; empty if all is done.",
    )
    error = models.TextField(blank=True, help_text="Why the last try failed.")

    objects = MirrorQuerySet.as_manager()

    class Meta:
        abstract = True


class MirroredVersion(Mirrored):
    """A model version and its run on the server; `finished_at` is empty until all of it is there."""

    NOUN = "mirrored version"

    model_version = models.OneToOneField(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="mirrored"
    )
    experiment_id = models.CharField(max_length=100, blank=True)
    run_id = models.CharField(max_length=100, blank=True)
    number = models.CharField(max_length=20, blank=True, help_text="Of the registered model's version there.")
    finished_at = models.DateTimeField(null=True)

    def __str__(self):
        return f"{self.model_version} on MLflow"


class MirroredModel(Mirrored):
    """A dataset as a registered model of the server, with the aliases set there. Each release makes it due."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="mirrored")
    aliases = models.JSONField(default=dict, help_text="The number of the version there, by alias.")

    def __str__(self):
        return f"{self.dataset.name} on MLflow"
