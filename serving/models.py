from pathlib import PurePath

from django.conf import settings
from django.db import models
from django.db.models import Q

from mlplatform.jobs.leases import LeasedJob, LeasedJobQuerySet
from registry.models import JobState, ModelVersion, Stage


class Verification(models.Model):
    """The result of verifying a model version at registration: its inference engine and its golden rows.

    Golden rows are held-out rows and generated edge rows with the outputs of the pipeline. They are predicted again
    whenever the artifact is loaded or copied, so that a library that changes predictions cannot go unnoticed.
    """

    LARGE = ("golden_rows", "predictions", "probabilities")

    class Engine(models.TextChoices):
        TREES = "trees", "optimised trees"
        ESTIMATOR = "estimator", "estimator on arrays"
        PIPELINE = "pipeline", "full pipeline"

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="verification"
    )
    engine = models.CharField(max_length=20, choices=Engine.choices)
    reason = models.TextField(blank=True, help_text="Why the full pipeline is used, if it is.")
    golden_rows = models.JSONField(help_text="Lists of values in the order of the signature's columns.")
    predictions = models.JSONField(help_text="Of the golden rows.")
    probabilities = models.JSONField(null=True, help_text="Of the golden rows.")

    def __str__(self):
        return f"verification of {self.model_version}"


def result_name(sent: str, form: str) -> str:
    """What the scored table is called for whoever sent a file of that name."""
    name = PurePath(sent)
    stem = PurePath(name.stem).stem if name.suffix == ".gz" else name.stem
    return f"{stem}_predictions.{form}"


class ScoringJobQuerySet(LeasedJobQuerySet):
    def for_lists(self):
        return self.select_related("requested_by").defer("recipe", "traceback")


class ScoringJob(LeasedJob):
    """A request to predict every row of a table file, and what became of it.

    Which version predicts is decided when it is asked for, and all rows are predicted by that one. The input's bytes
    go when the job has ended; the result's stay until the job is deleted or SCORING_KEEP_DAYS have passed.
    """

    TASK = "serving.batch.service.run_job"
    NOUN = "scoring job"
    AGAIN = "Send the file again."

    dataset_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=20, choices=Stage.choices)
    version = models.PositiveIntegerField(help_text="The number of the model version.")
    model_version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="scoring_jobs"
    )
    filename = models.CharField(max_length=255)
    format = models.CharField(max_length=20)
    recipe = models.JSONField(help_text="How the file is read: see catalog.parsing.ParseRecipe.")
    probabilities = models.BooleanField()
    rows = models.PositiveBigIntegerField(help_text="Of the file.")
    rows_done = models.PositiveBigIntegerField(default=0)
    notices = models.JSONField(default=dict, help_text="How often each kind of notice was due.")
    input_key = models.CharField(
        max_length=255, blank=True, help_text="In the datasets bucket, until it ends."
    )
    input_size = models.PositiveBigIntegerField()
    result_key = models.CharField(max_length=255, blank=True, help_text="In the datasets bucket.")
    result_size = models.PositiveBigIntegerField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="scoring_jobs"
    )

    objects = ScoringJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="scoring_job_state"),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="scoring_job_stage"),
        ]

    def __str__(self):
        return f"scoring job {self.pk}: {self.filename} by {self.dataset_name} version {self.version}"

    @classmethod
    def fresh(cls) -> dict:
        return {"progress": 0, "rows_done": 0, "notices": {}}

    @property
    def result_name(self) -> str:
        return result_name(self.filename, self.format)
