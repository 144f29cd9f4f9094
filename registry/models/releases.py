"""Stages and releases."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import Dataset
from registry.querysets import ReleaseQuerySet


class Stage(models.TextChoices):
    """Where a version can be live, from the lowest to the highest."""

    DEV = "dev", "dev"
    STAGING = "staging", "staging"
    PRODUCTION = "production", "production"

    @property
    def rank(self) -> int:
        return list(Stage).index(self)

    @staticmethod
    def unknown(text: str) -> str:
        """The error message for a text that names no stage."""
        return f"Unknown stage `{text[:50]}`; use dev, staging or production."


class Release(models.Model):
    """One model version being live in one stage of its dataset, from started_at to ended_at.

    Releases are kept when their version is deleted: `number` says which one it was.
    """

    class Kind(models.TextChoices):
        TRAINING = "training", "training"
        IMPORT = "import", "import"
        PROMOTION = "promotion", "promotion"
        ROLLBACK = "rollback", "rollback"

    class Ending(models.TextChoices):
        REPLACED = "replaced", "replaced"
        RETIRED = "retired", "retired"
        DELETED = "deleted", "version deleted"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="releases")
    model_version = models.ForeignKey(
        "registry.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="releases"
    )
    number = models.PositiveIntegerField(help_text="The number of the model version.")
    stage = models.CharField(max_length=20, choices=Stage.choices)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    restores = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The training or promotion that a rollback went back to.",
    )
    key = models.CharField(
        max_length=255,
        blank=True,
        help_text="The key of the artifact in the trained-models bucket; empty if the version was deleted.",
    )
    comment = models.TextField(blank=True)
    started_at = models.DateTimeField(db_index=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="releases"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=20, blank=True, choices=Ending.choices)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="ended_releases"
    )
    end_reason = models.TextField(blank=True, help_text="Why the stage was retired.")

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "stage"], condition=Q(ended_at=None), name="one_live_release"
            ),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="release_stage"),
            models.CheckConstraint(
                condition=Q(model_version__isnull=False) | Q(ended_at__isnull=False),
                name="live_release_has_version",
            ),
        ]

    def __str__(self):
        return f"{self.dataset.name} version {self.number} in {self.stage}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None

    @property
    def is_retired(self) -> bool:
        return self.ending == self.Ending.RETIRED

    @property
    def artifact_path(self) -> str:
        return f"{settings.TRAINED_MODELS_BUCKET}/{self.key}"


class ReleaseCounter(models.Model):
    """How many changes of releases there were: one row, which a change locks until it commits."""

    number = models.PositiveBigIntegerField(default=0)

    def __str__(self):
        return f"{self.number} changes of releases"


class ReleaseChange(models.Model):
    """The number of the last change of a dataset's releases. Numbers become visible in their order.

    A deleted dataset keeps its row, so that web processes notice what was deleted before it.
    """

    dataset_id = models.BigIntegerField(primary_key=True)
    number = models.PositiveBigIntegerField(db_index=True)

    def __str__(self):
        return f"change {self.number} of dataset {self.dataset_id}"


class Usage(models.Model):
    """The predictions of a release in one hour, summed over all web processes. Scoring jobs are not among them."""

    COUNTS = ("requests", "rows", "rejected", "failed", "input_warnings")

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="usage")
    hour = models.DateTimeField(db_index=True, help_text="When the hour began.")
    requests = models.PositiveBigIntegerField(default=0, help_text="All of them.")
    rows = models.PositiveBigIntegerField(default=0, help_text="That were predicted.")
    rejected = models.PositiveBigIntegerField(default=0, help_text="Invalid requests.")
    failed = models.PositiveBigIntegerField(
        default=0, help_text="Requests that the platform could not answer."
    )
    input_warnings = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "usage"
        constraints = [
            models.UniqueConstraint(fields=["release", "hour"], name="usage_release_hour"),
        ]

    def __str__(self):
        return f"usage of {self.release} at {self.hour:%Y-%m-%d %H:%M}"
