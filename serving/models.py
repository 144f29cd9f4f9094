from pathlib import PurePath

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.readers.formats import COMPRESSIONS, stored_extension
from mlplatform.jobs.models import Job, JobQuerySet, JobState
from registry.models import ModelVersion, Stage


class Verification(models.Model):
    """The result of verifying a model version at registration: its inference engine and its golden rows.

    Golden rows are held-out rows and generated edge rows with the outputs of the engine. They are predicted again
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
    hmac = models.CharField(max_length=64, help_text="The signature of this record and its artifact.")
    one_row_s = models.FloatField(null=True, help_text="The median time of a prediction of one row.")
    thousand_rows_s = models.FloatField(null=True, help_text="The median time of a prediction of 1,000 rows.")
    memory_bytes = models.PositiveBigIntegerField(null=True, help_text="What it takes in memory, estimated.")

    def __str__(self):
        return f"verification of {self.model_version}"


class CompatibilityCheck(models.Model):
    """Whether an artifact that another version of scikit-learn saved predicts the same with the installed libraries.

    There is one row for an artifact and a set of libraries, so it is checked once, and a restart does not repeat it.
    Only serving/model_cache/compatibility.py writes it.
    """

    class State(models.TextChoices):
        RUNNING = "running", "being verified"
        VERIFIED = "verified", "verified"
        REFUSED = "refused", "refused"
        FAILED = "failed", "not verified"

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, related_name="compatibility_checks"
    )
    artifact_sha256 = models.CharField(max_length=64)
    libraries = models.CharField(max_length=255, help_text="The installed libraries with their versions.")
    scikit_learn = models.CharField(max_length=50, help_text="The installed version of scikit-learn.")
    state = models.CharField(max_length=20, choices=State.choices, default=State.RUNNING)
    engine = models.CharField(
        max_length=20, choices=Verification.Engine.choices, blank=True, help_text="What predicted the same."
    )
    row = models.PositiveIntegerField(null=True, help_text="The first golden row that differs, from 1.")
    output = models.CharField(max_length=100, blank=True, help_text="The output of the row that differs.")
    expected = models.CharField(max_length=100, blank=True)
    got = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True, help_text="Why it is refused or not verified, if no row differs.")
    lease_expires_at = models.DateTimeField(help_text="Until then, the check that is running has not died.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "artifact_sha256", "libraries"], name="compatibility_check_once"
            ),
        ]

    def __str__(self):
        return f"{self.model_version}, {self.summary}"

    @property
    def summary(self) -> str:
        """`verified on 1.9.2`, or `refused on 1.9.2: ` and the reason."""
        result = f"{self.get_state_display()} on {self.scikit_learn}"
        return f"{result}: {self.detail}" if self.detail else result

    @property
    def detail(self) -> str:
        """Why it is refused or not verified: the golden row that differs, or the reason."""
        if self.row is None:
            return self.reason
        return (
            f"golden row {self.row} has another {self.output}: expected `{self.expected}`, got `{self.got}`"
        )


def result_name(sent: str, form: str) -> str:
    """The file name of the result for an uploaded file of this name: with its extension, if that fits the format.

    Results are not compressed, so `new.tsv.gz` comes back as `new_predictions.tsv`.
    """
    name = PurePath(sent)
    if name.suffix[1:].lower() in COMPRESSIONS.values():
        name = PurePath(name.stem)
    return f"{name.stem}_predictions.{stored_extension(sent, form)}"


class ScoringJobQuerySet(JobQuerySet):
    def for_lists(self):
        return self.select_related("requested_by").defer("recipe", "traceback")


class ScoringJob(Job):
    """A request to predict every row of a file, its state and its outcome.

    The model version is chosen when the job is submitted, and predicts all rows. The input file is deleted when the job
    has finished; the result is kept until the job is deleted or SCORING_KEEP_DAYS have passed.
    """

    NOUN = "scoring job"
    ACTIVITY = "The prediction"
    RETRY_HINT = "Send the file again."
    MEMORY_HINT = "Split the file, or use a smaller model."

    dataset_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=20, choices=Stage.choices)
    version = models.PositiveIntegerField(help_text="The number of the model version.")
    model_version = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.SET_NULL, related_name="scoring_jobs"
    )
    filename = models.CharField(max_length=255)
    format = models.CharField(max_length=20)
    recipe = models.JSONField(help_text="The parse recipe of the file.")
    probabilities = models.BooleanField()
    rows = models.PositiveBigIntegerField(help_text="The number of rows in the file.")
    rows_done = models.PositiveBigIntegerField(default=0)
    input_warnings = models.JSONField(default=dict, help_text="The number of input warnings of each kind.")
    input_key = models.CharField(
        max_length=255, blank=True, help_text="In the datasets bucket, until the job has finished."
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
        indexes = [  # scorers look every few seconds for what is to delete
            models.Index(fields=["id"], condition=~Q(input_key=""), name="scoring_job_with_input"),
            models.Index(fields=["finished_at"], name="scoring_job_finished_at"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="scoring_job_state"),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="scoring_job_stage"),
        ]

    def __str__(self):
        return f"scoring job {self.pk}: {self.filename} by {self.dataset_name} version {self.version}"

    @classmethod
    def initial_fields(cls) -> dict:
        return {"progress": 0, "rows_done": 0, "input_warnings": {}}

    def describe_crash(self, error: Exception) -> str:
        """Only what cannot contain the user's data."""
        reason = f": {error.strerror}" if isinstance(error, OSError) else ""
        return f"{self.ACTIVITY} crashed: {type(error).__name__}{reason}."

    @property
    def result_name(self) -> str:
        return result_name(self.filename, self.format)
