from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models

from mlplatform.errors import NotFound


class JobState(models.TextChoices):
    QUEUED = "queued", "queued"
    RUNNING = "running", "running"
    SUCCEEDED = "succeeded", "succeeded"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"
    TIMED_OUT = "timed_out", "timed out"
    OUT_OF_MEMORY = "out_of_memory", "out of memory"
    LOST = "lost", "lost"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
UNSUCCESSFUL = (JobState.FAILED, JobState.TIMED_OUT, JobState.OUT_OF_MEMORY, JobState.LOST)


class JobQuerySet(models.QuerySet):
    def unfinished(self):
        return self.filter(state__in=UNFINISHED)

    def finished(self):
        return self.exclude(state__in=UNFINISHED)

    def queued(self):
        return self.filter(state=JobState.QUEUED)

    def running(self):
        return self.filter(state=JobState.RUNNING)

    def numbered(self, pk: int) -> "Job":
        """One job. Raises NotFound if it does not exist."""
        job = self.filter(pk=pk).first()
        if job is None:
            raise NotFound(f"There is no {self.model.NOUN} {pk}.", code="job_not_found")
        return job


class Job(models.Model):
    """A row of work for background workers. A subclass adds its input, its result, and the wording of its messages.

    The row is both the queue and the truth: a queued job waits for a worker, and a running one is leased to one
    attempt of one worker until `lease_expires_at`. Only mlplatform.jobs.leases changes the state.
    """

    NOUN: ClassVar[str] = "job"
    QUEUE_ORDER: ClassVar[tuple] = ("pk",)  # in which jobs are claimed
    ACTIVITY: ClassVar[str] = "The job"  # the subject of its error messages
    RETRY_HINT: ClassVar[str] = ""  # the remedy when no attempt is left
    MEMORY_HINT: ClassVar[str] = ""  # the remedy when it ran out of memory

    state = models.CharField(max_length=20, choices=JobState.choices, default=JobState.QUEUED, db_index=True)
    progress = models.FloatField(default=0, help_text="From 0 to 1.")
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="The error message for users.")
    error_code = models.CharField(max_length=50, blank=True)
    traceback = models.TextField(blank=True)
    requested_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def initial_fields(cls) -> dict:
        """The fields that an attempt writes, with the values they have before it."""
        return {"progress": 0}

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED

    def describe_crash(self, error: Exception) -> str:
        """The message for users after an unexpected error."""
        return f"{self.ACTIVITY} crashed: {type(error).__name__}: {error}"[:1000]

    def failure_fields(self, error: ValidationError) -> dict:
        """What its row says of a failure besides its sentence and code."""
        return {}


class ChildJob(Job):
    """A job whose attempts run in a child process: see mlplatform.jobs.children.supervision."""

    WORK: ClassVar[str]  # the dotted path of the function that runs an attempt

    memory_bytes = models.PositiveBigIntegerField(null=True, help_text="Resident memory, last measurement.")
    memory_peak_bytes = models.PositiveBigIntegerField(null=True)
    log = models.TextField(blank=True, help_text="The last lines of its output.")

    class Meta:
        abstract = True

    @classmethod
    def initial_fields(cls) -> dict:
        return super().initial_fields() | {"log": "", "memory_bytes": None, "memory_peak_bytes": None}

    @property
    def memory_limit_mb(self) -> int:
        raise NotImplementedError

    @property
    def time_limit_s(self) -> int:
        raise NotImplementedError
