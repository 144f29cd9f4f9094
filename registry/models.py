"""Training jobs, model versions and releases."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import Dataset, DatasetVersion
from mlplatform.jobs.models import ChildJob, JobState
from registry.querysets import MAIN_METRICS, ModelVersionQuerySet, ReleaseQuerySet, TrainingJobQuerySet


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
    def algorithm(self) -> str:
        """The class name, from the annotation of lists, which do not load the request."""
        return getattr(self, "class_name", None) or self.request["model"]["class"]


class VersionCounter(models.Model):
    """The last model version number of a dataset, so that the number of a deleted version is not used again."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="+", primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self):
        return f"{self.dataset_id}: {self.last}"


class ModelVersion(models.Model):
    """One trained pipeline of a dataset. Its artifact belongs to its newest release in the highest stage."""

    # PROTECT: a dataset cannot be deleted while a model depends on it.
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="model_versions")
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, related_name="model_versions"
    )
    number = models.PositiveIntegerField()
    reached = models.CharField(
        max_length=20,
        choices=Stage.choices,
        default=Stage.DEV,
        db_index=True,
        help_text="The highest stage in which it was ever live.",
    )
    job = models.OneToOneField(
        TrainingJob, null=True, on_delete=models.SET_NULL, related_name="model_version"
    )
    algorithm = models.CharField(max_length=100)
    module = models.CharField(max_length=100)
    task = models.CharField(max_length=20, help_text="classification, regression or clustering")
    description = models.TextField(blank=True)
    target = models.CharField(max_length=255, null=True)
    features = models.JSONField()
    parameters = models.JSONField(help_text="All parameters of the fitted estimator.")
    signature = models.JSONField(help_text="Input columns, target, output kind, classes and an example row.")
    preparation = models.JSONField(
        default=list, help_text="How each input column is prepared for the estimator, and why."
    )
    metrics = models.JSONField()
    warnings = models.JSONField(default=list)
    test_size = models.FloatField(null=True)
    random_state = models.BigIntegerField(null=True)
    retrained_from = models.PositiveIntegerField(
        null=True, help_text="The number of the version whose training it repeats."
    )
    rows_train = models.PositiveBigIntegerField()
    rows_test = models.PositiveBigIntegerField()
    artifact_size = models.PositiveBigIntegerField()
    artifact_sha256 = models.CharField(max_length=64)
    artifact_hmac = models.CharField(max_length=64)
    libraries = models.JSONField(
        help_text="The versions of Python and the libraries that saved the artifact."
    )
    trained_at = models.DateTimeField(db_index=True)
    trained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="model_versions"
    )
    promoted_at = models.DateTimeField(null=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-trained_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="model_version_number"),
            models.CheckConstraint(condition=Q(reached__in=Stage.values), name="model_version_reached"),
        ]

    def __str__(self):
        return f"{self.dataset.name} model version {self.number}"

    @property
    def name(self) -> str:
        """`my_dataset_model_staging_v1`"""
        return f"{self.dataset.name}_model_{self.reached}_v{self.number}"

    @property
    def origin(self) -> str:
        """`trained`, or `retrained from version 3`"""
        return f"retrained from version {self.retrained_from}" if self.retrained_from else "trained"

    @property
    def model_file(self) -> str:
        return f"{self.name}.pkl"

    @property
    def main_metrics(self) -> dict[str, float]:
        """The MAIN_METRICS that the version has. Needs for_list()."""
        values = {name: getattr(self, f"metric_{name}") for name in MAIN_METRICS}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def release(self) -> "Release":
        """The newest release in the highest stage: the owner of its artifact. Uses prefetched releases."""
        return max((r for r in self.releases.all() if r.stage == self.reached), key=lambda r: r.pk)

    @property
    def artifact_path(self) -> str:
        return self.release.artifact_path

    @property
    def columns_not_used(self) -> list[str]:
        """The columns of the dataset version that are neither features nor predicted, such as a clusterer's target."""
        used = {*self.features, None if self.task == "clustering" else self.target}
        return [column["name"] for column in self.dataset_version.columns if column["name"] not in used]

    @property
    def described_inputs(self) -> list[dict]:
        """The input columns of its signature, with how each is prepared."""
        choices = {choice["column"]: choice for choice in self.preparation}
        return [column | {"preparation": choices.get(column["name"])} for column in self.signature["inputs"]]

    @property
    def compatibility(self) -> str:
        """`trained with scikit-learn 1.9.1, verified on 1.9.2`, by the last check on each; see serving.models."""
        checks = {check.scikit_learn: check.summary for check in self.compatibility_checks.all()}
        return ", ".join(
            [f"trained with scikit-learn {self.libraries.get('scikit-learn')}", *checks.values()]
        )

    @property
    def live_stages(self) -> list[str]:
        """The stages in which it is live now, from the lowest to the highest. Uses prefetched releases."""
        live = {release.stage for release in self.releases.all() if release.is_live}
        return [stage for stage in Stage.values if stage in live]

    @property
    def environment(self) -> str | None:
        """The highest stage in which it is live now, or None."""
        return next(reversed(self.live_stages), None)


class Release(models.Model):
    """One model version being live in one stage of its dataset, from started_at to ended_at.

    Releases are kept when their version is deleted: `number` says which one it was.
    """

    class Kind(models.TextChoices):
        TRAINING = "training", "training"
        PROMOTION = "promotion", "promotion"
        ROLLBACK = "rollback", "rollback"

    class Ending(models.TextChoices):
        REPLACED = "replaced", "replaced"
        RETIRED = "retired", "retired"
        DELETED = "deleted", "version deleted"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="releases")
    model_version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="releases"
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
