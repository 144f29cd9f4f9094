"""Model versions."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import Dataset, DatasetVersion
from mlplatform.errors import NotFound
from mlplatform.metadata.models import TaggedModel
from registry.models.jobs import TrainingJob
from registry.models.releases import Release, Stage
from registry.querysets import ModelVersionQuerySet, headline_name


def random_split() -> dict:
    return {"method": "random"}


class VersionCounter(models.Model):
    """The last model version number of a dataset, so that the number of a deleted version is not used again."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="+", primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self):
        return f"{self.dataset_id}: {self.last}"


class ModelVersion(TaggedModel):
    """One fitted pipeline of a dataset. Its artifact belongs to its newest release in the highest stage."""

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
    decision = models.JSONField(
        default=dict,
        help_text="The decision threshold and the calibration of a binary classifier, if it has any.",
    )
    metrics = models.JSONField()
    primary_metric = models.CharField(
        max_length=50, blank=True, help_text="The metric by which versions of its target are compared."
    )
    warnings = models.JSONField(default=list)
    test_size = models.FloatField(null=True)
    split = models.JSONField(
        default=random_split, help_text="The method that divided the rows, and its column or dataset version."
    )
    sample_weight = models.CharField(max_length=255, null=True, help_text="The column of the rows' weights.")
    refit = models.BooleanField(
        default=False, help_text="Whether it was fitted again on all rows after it was measured."
    )
    measured = models.TextField(blank=True, help_text="The rows that the metrics were measured on.")
    trained = models.TextField(
        blank=True,
        default="",
        db_default="",  # for a web server of the earlier code, while the new one starts
        help_text="How it was fitted on a table that did not fit in memory; empty if it did.",
    )
    random_state = models.BigIntegerField(null=True)
    iterations = models.PositiveIntegerField(
        null=True, help_text="The rounds of boosting or the epochs of the fit, if it had early stopping."
    )
    retrained_from = models.PositiveIntegerField(
        null=True, help_text="The number of the version whose training it repeats."
    )
    imported_from = models.CharField(
        max_length=255, blank=True, default="", help_text="The name of the file that it was imported from."
    )
    imported_format = models.CharField(
        max_length=20,
        blank=True,
        default="",
        help_text="The format of that file; empty if it was trained here.",
    )
    rows_train = models.PositiveBigIntegerField()
    rows_test = models.PositiveBigIntegerField()
    training_s = models.FloatField(
        null=True,
        help_text="The seconds that its training took; of a trial of a group, its fits on the folds.",
    )
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
        # For lists: a database that finds these columns only in the rows reads the wide ones too.
        indexes = [
            models.Index(fields=["dataset", "task", "target"], name="model_version_target"),
            models.Index(fields=["dataset", "trained_at"], name="model_version_newest"),
            models.Index(fields=["dataset", "dataset_version"], name="model_version_source"),
            models.Index(fields=["trained_by", "trained_at"], name="model_version_trainer"),
            models.Index(fields=["artifact_size"], name="model_version_size"),
            models.Index(fields=["training_s"], name="model_version_time"),
        ]

    def __str__(self):
        return f"{self.dataset.name} model version {self.number}"

    @property
    def name(self) -> str:
        """`my_dataset_model_staging_v1`"""
        return f"{self.dataset.name}_model_{self.reached}_v{self.number}"

    @property
    def origin(self) -> str:
        """`trained`, `retrained from version 3`, or `imported from model.skops (skops)`"""
        if self.is_imported:
            return f"imported from {self.imported_from} ({self.imported_format})"
        return f"retrained from version {self.retrained_from}" if self.retrained_from else "trained"

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere."""
        return bool(self.imported_format)

    @property
    def training_job(self) -> TrainingJob | None:
        """The job that trained it, alone or as a trial of a group; None if that was deleted."""
        trial = getattr(self, "trial", None)
        return trial.group.job if trial else self.job

    @property
    def training_request(self) -> dict | None:
        """The request of its training, as a job stores it: of a trial of a group, that of the trial alone.

        None if the job was deleted.
        """
        job, trial = self.training_job, getattr(self, "trial", None)
        if job is None or (trial is None and job.is_group):
            return None
        if trial is None:
            return job.request
        model = {"module": trial.module, "class": trial.algorithm, "params": trial.params}
        return job.request | {"model": model}

    @property
    def model_file(self) -> str:
        return f"{self.name}.pkl"

    @property
    def main_metrics(self) -> dict[str, float]:
        """The metrics of a row of a list, by name in reading order. Needs for_list()."""
        return {one.name: one.value for one in self.listed_metrics}

    @property
    def main_intervals(self) -> dict[str, list[float]]:
        """The 95 % intervals of the main_metrics that have one. Needs for_list()."""
        return {one.name: [one.low, one.high] for one in self.listed_metrics if one.low is not None}

    @property
    def headline(self) -> float | None:
        """The primary metric, or the usual one. Needs for_list()."""
        return self.main_metrics.get(headline_name(self))

    @property
    def release(self) -> Release:
        """The newest release in the highest stage: the owner of its artifact. Uses prefetched releases.

        Raises NotFound if the version was deleted after it was read.
        """
        releases = [release for release in self.releases.all() if release.stage == self.reached]
        if not releases:
            raise NotFound(f"Model version {self.number} was deleted.", code="model_not_found")
        return max(releases, key=lambda release: release.pk)

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
