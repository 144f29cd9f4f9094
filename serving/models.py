from pathlib import PurePath

from django.conf import settings
from django.db import models
from django.db.models import Q

from mlplatform.jobs.leases import LeasedJob, LeasedJobQuerySet
from registry.models import JobState, ModelVersion, Stage


class Proof(models.Model):
    """What was shown of a model version when it was registered: what predicts it, and golden rows.

    Golden rows are rows of its table and made edge rows, with the pipeline's own outputs. They are predicted again
    wherever the artifact is loaded or copied, so a library that changes results cannot do so in silence.
    """

    LARGE = ("rows", "predictions", "probabilities")

    class Plan(models.TextChoices):
        TREES = "trees", "its trees, as arrays"
        ESTIMATOR = "estimator", "its estimator, on encoded rows"
        PIPELINE = "pipeline", "its whole pipeline"

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="proof"
    )
    plan = models.CharField(max_length=20, choices=Plan.choices)
    reason = models.TextField(blank=True, help_text="Why the whole pipeline predicts, where it does.")
    rows = models.JSONField(help_text="Golden rows: values in the order of the signature's columns.")
    predictions = models.JSONField()
    probabilities = models.JSONField(null=True)

    def __str__(self):
        return f"proof of {self.model_version}"


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
