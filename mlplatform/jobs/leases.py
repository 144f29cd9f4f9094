"""Jobs that a worker leases: what every kind of them has, and every change of their state, in the database.

A running job is leased to one attempt of one worker. A write that belongs to an attempt is conditional on its
number and on the job still running, so a superseded attempt changes nothing. The row is the truth; the queue's
table is plumbing.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    models,
    transaction,
)
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks.base import TaskResultStatus

from mlplatform.errors import Conflict, NotFound, NotReady

LEASE = timedelta(seconds=settings.TRAIN_LEASE_S)  # when it runs out, the worker is gone
BEAT_S = settings.TRAIN_LEASE_S / 6
# A job that is queued but has no waiting task lost it together with the worker that had just taken it.
TASK_LOST_AFTER = timedelta(seconds=30)

stopping = threading.Event()  # set by a worker's SIGTERM: hand the running job back and go


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


class LeasedJobQuerySet(models.QuerySet):
    def unfinished(self):
        return self.filter(state__in=UNFINISHED)

    def finished(self):
        return self.exclude(state__in=UNFINISHED)

    def queued(self):
        return self.filter(state=JobState.QUEUED)

    def running(self):
        return self.filter(state=JobState.RUNNING)

    def numbered(self, pk: int) -> "LeasedJob":
        """One job of these. Raises NotFound with a sentence."""
        job = self.filter(pk=pk).first()
        if job is None:
            raise NotFound(f"There is no {self.model.NOUN} {pk}.", code="job_not_found")
        return job


class LeasedJob(models.Model):
    """What the row of every kind of job has; a kind says its task, its words, and how its rows begin an attempt."""

    TASK: ClassVar[str]  # the queue's task, by its import path; it takes the job's number
    NOUN: ClassVar[str] = "job"
    AGAIN: ClassVar[str]  # what a person may do when no attempt is left

    state = models.CharField(max_length=20, choices=JobState.choices, default=JobState.QUEUED, db_index=True)
    progress = models.FloatField(default=0, help_text="From 0 to 1.")
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True)
    task_id = models.CharField(max_length=64, blank=True, help_text="Its place in the queue's table.")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, help_text="The sentence for people.")
    error_code = models.CharField(max_length=50, blank=True)
    traceback = models.TextField(blank=True)
    requested_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def fresh(cls) -> dict:
        """The fields that an attempt writes, as it finds them."""
        return {"progress": 0}

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED


def enqueue(job: LeasedJob) -> None:
    """Put a queued job into the queue; in the caller's transaction, so that neither is without the other."""
    result = import_string(job.TASK).enqueue(job.pk)
    type(job).objects.filter(pk=job.pk).update(task_id=str(result.id))


def take(kind: type[LeasedJob], job_id: int, *, worker: str) -> LeasedJob | None:
    """Lease a queued job to its next attempt; None when it was taken, cancelled or ended meanwhile."""
    now = timezone.now()
    with transaction.atomic():
        job = kind.objects.select_for_update().filter(pk=job_id, state=JobState.QUEUED).first()
        if job is None:
            return None
        for name, value in kind.fresh().items():
            setattr(job, name, value)
        job.state, job.attempt, job.worker = JobState.RUNNING, job.attempt + 1, worker
        job.started_at, job.heartbeat_at, job.lease_expires_at = now, now, now + LEASE
        job.save()
    return job


def held(job: LeasedJob) -> models.QuerySet:
    """This attempt's row, as long as it is this attempt's."""
    return type(job).objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING)


def beat(job: LeasedJob, **facts) -> bool:
    """Renew the lease and write what was measured; False when the job is not this attempt's any more."""
    now = timezone.now()
    return bool(held(job).update(heartbeat_at=now, lease_expires_at=now + LEASE, **facts))


def end(job: LeasedJob, state: str, *, sentence: str, code: str, trace: str = "") -> bool:
    """End a running attempt without a result; False when it has ended, or is not this attempt's any more."""
    return bool(
        held(job).update(
            state=state, error=sentence, error_code=code, traceback=trace, finished_at=timezone.now()
        )
    )


def hand_back(job: LeasedJob) -> None:
    """Queue a job again as if this attempt had not been: its worker was asked to stop."""
    again = {"state": JobState.QUEUED, "attempt": job.attempt - 1, "started_at": None}
    with transaction.atomic():
        if held(job).update(**again, **job.fresh()):
            enqueue(job)


def put_back(kind: type[LeasedJob], job_id: int) -> None:
    """Give a job that was not taken its place in the queue again: its worker was asked to stop."""
    with transaction.atomic():
        if job := kind.objects.queued().filter(pk=job_id).first():
            enqueue(job)


def cancel(job: LeasedJob, *, by) -> LeasedJob:
    """End a queued job at once; ask the worker of a running one to end it. Raises Conflict when it has ended.

    Whether `by` may do so is for the caller to check: each kind of job has its own rule.
    """
    kind, now = type(job), timezone.now()
    sentence = f"Cancelled by {by.get_username()}."
    asked = kind.objects.queued().filter(pk=job.pk).update(
        state=JobState.CANCELLED,
        error=sentence,
        error_code="cancelled",
        cancel_requested_at=now,
        finished_at=now,
    ) or kind.objects.running().filter(pk=job.pk).update(cancel_requested_at=now, error=sentence)
    job.refresh_from_db()
    if not asked:
        noun = job.NOUN.capitalize()
        raise Conflict(f"{noun} {job.pk} has ended already ({job.get_state_display()}).", code="job_ended")
    return job


def reap(kind: type[LeasedJob]) -> int:
    """Care for the jobs that lost their worker or their place in the queue; how many there were.

    A lease that ran out is tried again, at most TRAIN_MAX_ATTEMPTS times in all, then the job is lost.
    """
    silent = kind.objects.running().filter(lease_expires_at__lt=timezone.now())
    return sum(_reclaim(job) for job in silent) + sum(_requeue(job) for job in _without_task(kind))


def _reclaim(job: LeasedJob) -> int:
    expired = held(job).filter(lease_expires_at__lt=timezone.now())
    with transaction.atomic():
        if job.cancel_requested_at:
            return expired.update(
                state=JobState.CANCELLED, error_code="cancelled", finished_at=timezone.now()
            )
        if job.attempt < settings.TRAIN_MAX_ATTEMPTS:
            again = expired.update(state=JobState.QUEUED, **job.fresh())
            if again:
                enqueue(job)
            return again
        sentence = f"Its worker ({job.worker}) died or lost its machine, and no attempt is left. {job.AGAIN}"
        return expired.update(
            state=JobState.LOST, error=sentence, error_code="lost", finished_at=timezone.now()
        )


def _without_task(kind: type[LeasedJob]) -> list[LeasedJob]:
    """Queued jobs whose task was taken by a worker that died before it took the job."""
    from django_tasks_db.models import DBTaskResult

    recent = timezone.now() - TASK_LOST_AFTER
    queued = kind.objects.queued().filter(requested_at__lt=recent).exclude(task_id="")
    ready = DBTaskResult.objects.filter(status=TaskResultStatus.READY).values_list("pk", flat=True)
    waiting = {str(pk) for pk in ready}
    taken = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING, started_at__gt=recent)
    return [job for job in queued if job.task_id not in waiting and not taken.filter(pk=job.task_id).exists()]


def _requeue(job: LeasedJob) -> int:
    with transaction.atomic():
        still = type(job).objects.queued().filter(pk=job.pk, task_id=job.task_id)
        again = still.update(task_id="again")
        if again:
            enqueue(job)
        return again


def care(chore: Callable[[], int], say: Callable[[str], None]) -> None:
    """Look after the jobs of one kind for ever, beside the work: `chore` says how many it had to do with."""
    while True:
        close_old_connections()
        try:
            if count := chore():
                say(f"{count} jobs had lost their worker or their place in the queue.")
        except (DatabaseError, InterfaceError) as error:
            say(f"Lost jobs could not be looked for: {error}")
        time.sleep(BEAT_S)


def wait(job: LeasedJob, *, seconds: float) -> LeasedJob:
    """The job as it is when it has ended, or after this many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while True:
        job.refresh_from_db(fields=["state"])
        left = deadline - time.monotonic()
        if job.is_finished or left <= 0:
            job.refresh_from_db()
            return job
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, 0.5)


def patiently(work: Callable, patience_s: float):
    """Do what may be done twice, again and again with growing pauses while a service is away; then raise."""
    deadline = time.monotonic() + patience_s
    pause = 1.0
    while True:
        try:
            return work()
        except (NotReady, OperationalError, InterfaceError):
            if time.monotonic() + pause > deadline:
                raise
            time.sleep(pause)
            pause = min(pause * 2, 10)
            connection.close()  # it is made anew
