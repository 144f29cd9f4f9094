"""The life of a training job, in the database: every change of its state stands here.

What runs a job is in workers.py and attempts.py. A write that belongs to an attempt is conditional on its
number and on the job still running, so a superseded attempt changes nothing.
"""

import statistics
import time
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django_tasks import task
from django_tasks.base import TaskResultStatus

from mlplatform import access
from mlplatform.errors import Conflict
from registry.models import JobState, TrainingJob

LEASE = timedelta(seconds=settings.TRAIN_LEASE_S)  # when it runs out, the worker is gone
BEAT_S = settings.TRAIN_LEASE_S / 6
# A job that is queued but has no waiting task lost it together with the worker that had just taken it.
TASK_LOST_AFTER = timedelta(seconds=30)


@task()
def run_job(job_id: int) -> None:
    """The queue's task."""
    from registry.workers import run  # it imports this module

    run(job_id)


def enqueue(job: TrainingJob) -> None:
    """Put a queued job into the queue; in the caller's transaction, so that neither is without the other."""
    result = run_job.enqueue(job.pk)
    TrainingJob.objects.filter(pk=job.pk).update(task_id=str(result.id))


def take(job_id: int, *, worker: str) -> TrainingJob | None:
    """Lease a queued job to its next attempt; None when it was taken, cancelled or ended meanwhile."""
    now = timezone.now()
    with transaction.atomic():
        jobs = TrainingJob.objects.select_for_update(of=("self",)).select_related("dataset_version")
        job = jobs.filter(pk=job_id, state=JobState.QUEUED).first()
        if job is None:
            return None
        job.state, job.attempt, job.worker = JobState.RUNNING, job.attempt + 1, worker
        job.stage, job.progress, job.timings, job.log = "", 0, [], ""
        job.started_at, job.heartbeat_at, job.lease_expires_at = now, now, now + LEASE
        job.memory_bytes = job.memory_peak_bytes = None
        job.save()
    return job


def held(job: TrainingJob):
    """This attempt's row, as long as it is this attempt's."""
    return TrainingJob.objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING)


def beat(job: TrainingJob, **facts) -> bool:
    """Renew the lease and write what was measured; False when the job is not this attempt's any more."""
    now = timezone.now()
    return bool(held(job).update(heartbeat_at=now, lease_expires_at=now + LEASE, **facts))


def end(job: TrainingJob, state: str, *, sentence: str, code: str, trace: str = "") -> bool:
    """End a running attempt without a model; False when it has ended, or is not this attempt's any more."""
    return bool(
        held(job).update(
            state=state, error=sentence, error_code=code, traceback=trace, finished_at=timezone.now()
        )
    )


def hand_back(job: TrainingJob) -> None:
    """Queue a job again as if this attempt had not been: its worker was asked to stop."""
    with transaction.atomic():
        if held(job).update(
            state=JobState.QUEUED, attempt=job.attempt - 1, stage="", progress=0, started_at=None
        ):
            enqueue(job)


def put_back(job_id: int) -> None:
    """Give a job that was not taken its place in the queue again: its worker was asked to stop."""
    with transaction.atomic():
        if job := TrainingJob.objects.filter(pk=job_id, state=JobState.QUEUED).first():
            enqueue(job)


def cancel(job: TrainingJob, *, by) -> TrainingJob:
    """End a queued job at once; ask the worker of a running one to kill it. Raises Conflict when it has ended."""
    access.check(by, "train")
    now = timezone.now()
    sentence = f"Cancelled by {by.get_username()}."
    queued = TrainingJob.objects.filter(pk=job.pk, state=JobState.QUEUED)
    asked = queued.update(
        state=JobState.CANCELLED,
        error=sentence,
        error_code="cancelled",
        cancel_requested_at=now,
        finished_at=now,
    ) or TrainingJob.objects.running().filter(pk=job.pk).update(cancel_requested_at=now, error=sentence)
    job.refresh_from_db()
    if not asked:
        raise Conflict(f"Job {job.pk} has ended already ({job.get_state_display()}).", code="job_ended")
    return job


def reap() -> int:
    """Care for the jobs that lost their worker or their place in the queue; how many there were.

    A lease that ran out is tried again, at most TRAIN_MAX_ATTEMPTS times in all, then the job is lost.
    """
    silent = TrainingJob.objects.running().filter(lease_expires_at__lt=timezone.now())
    return sum(_reclaim(job) for job in silent) + sum(_requeue(job) for job in _without_task())


def _reclaim(job: TrainingJob) -> int:
    expired = held(job).filter(lease_expires_at__lt=timezone.now())
    with transaction.atomic():
        if job.cancel_requested_at:
            return expired.update(
                state=JobState.CANCELLED, error_code="cancelled", finished_at=timezone.now()
            )
        if job.attempt < settings.TRAIN_MAX_ATTEMPTS:
            again = expired.update(state=JobState.QUEUED, stage="", progress=0)
            if again:
                enqueue(job)
            return again
        sentence = f"Its worker ({job.worker}) died or lost its machine, and no attempt is left. Train again."
        return expired.update(
            state=JobState.LOST, error=sentence, error_code="lost", finished_at=timezone.now()
        )


def _without_task() -> list[TrainingJob]:
    """Queued jobs whose task was taken by a worker that died before it took the job."""
    from django_tasks_db.models import DBTaskResult

    queued = TrainingJob.objects.filter(
        state=JobState.QUEUED, requested_at__lt=timezone.now() - TASK_LOST_AFTER
    ).exclude(task_id="")
    waiting = {
        str(pk)
        for pk in DBTaskResult.objects.filter(status=TaskResultStatus.READY).values_list("pk", flat=True)
    }
    return [job for job in queued if job.task_id not in waiting and _is_stale(job, DBTaskResult)]


def _is_stale(job: TrainingJob, tasks) -> bool:
    recent = timezone.now() - TASK_LOST_AFTER
    return not tasks.objects.filter(
        pk=job.task_id, status=TaskResultStatus.RUNNING, started_at__gt=recent
    ).exists()


def _requeue(job: TrainingJob) -> int:
    with transaction.atomic():
        still = TrainingJob.objects.filter(pk=job.pk, state=JobState.QUEUED, task_id=job.task_id)
        again = still.update(task_id="again")
        if again:
            enqueue(job)
        return again


def wait(job: TrainingJob, *, seconds: float) -> TrainingJob:
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


def expected_seconds(algorithm: str, *, rows: int) -> float | None:
    """How long a training may take, by the last five of this algorithm, in proportion to their rows.

    None without an earlier one. A guess for people: cost that grows faster than the rows is not modelled.
    """
    earlier = TrainingJob.objects.filter(state=JobState.SUCCEEDED, model_version__algorithm=algorithm)
    facts = earlier.order_by("-id").values_list(
        "started_at", "finished_at", "model_version__rows_train", "model_version__rows_test"
    )[:5]
    guesses = []
    for started_at, finished_at, train, test in facts:
        if started_at and finished_at:
            share = rows / max(train + test, 1)
            guesses.append((finished_at - started_at).total_seconds() * max(share, 0.1))
    return round(statistics.median(guesses), 1) if guesses else None


def timeout_of(wanted: int | None) -> int:
    """The longest that a job may run, in seconds. Raises ValidationError over the platform's own limit."""
    if wanted is not None and not 1 <= wanted <= settings.TRAIN_TIMEOUT_S:
        raise ValidationError(
            f"timeout_s must be a whole number from 1 to {settings.TRAIN_TIMEOUT_S}.", code="timeout"
        )
    return wanted or settings.TRAIN_TIMEOUT_S
