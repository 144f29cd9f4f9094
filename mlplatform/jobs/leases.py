"""Every change of a job's state, each of them one conditional write.

A worker claims a queued job and holds a lease on it, which it renews. A write of an attempt has no effect unless
the job is still running under that attempt's number, so a superseded attempt changes nothing.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils.module_loading import import_string

from mlplatform.errors import Conflict, NotFound, TooManyJobs
from mlplatform.idempotency import keys as idempotency_keys
from mlplatform.jobs.models import Job, JobState
from mlplatform.resilience.database_clock import NOW, from_now


def renewal_s() -> float:
    """The seconds between two renewals of a lease: a worker can miss several before its lease expires."""
    return settings.TRAIN_LEASE_S / 6


def enqueue(job: Job, *, parts: Iterable[models.Model] = ()) -> Job:
    """Save a new job as queued, with the rows that belong to it. Workers poll the table, so nothing else has to happen.

    Raises NotFound if the dataset or model that it refers to was deleted meanwhile, and TooManyJobs.
    """
    check_queue(type(job), by=job.requested_by)
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            for part in parts:
                part.save(force_insert=True)
            idempotency_keys.attach(job)
    except IntegrityError as error:
        sentence = f"The dataset or model of this {job.NOUN} was deleted in the meantime."
        raise NotFound(sentence, code="deleted_meanwhile") from error
    if settings.JOB_QUEUED_HOOK:
        import_string(settings.JOB_QUEUED_HOOK)(job)
    return job


def check_queue(job_class: type[Job], *, by) -> None:
    """Raise TooManyJobs if a user has as many queued jobs as one user can have. Requests at the same time can add one
    job each above the limit.
    """
    limit = settings.MAX_QUEUED_JOBS
    if by is not None and job_class.objects.queued().filter(requested_by=by).count() >= limit:
        raise TooManyJobs(
            f"You have {limit:,} queued {job_class.NOUN}s, which is the limit. Wait until one has started, or cancel "
            "one.",
            code="too_many_jobs",
        )


def claim(job_class: type[Job], *, worker: str) -> Job | None:
    """Lease the first queued job to its next attempt; None if no job is queued.

    Two workers never claim the same job: PostgreSQL locks the row and other workers skip it; SQLite's immediate
    transaction admits one writer at a time. An idle worker only reads: it takes no lock on an empty queue.
    """
    queue = job_class.objects.queued().order_by(*job_class.QUEUE_ORDER)
    if not queue.exists():
        return None
    with transaction.atomic():
        job = queue.select_for_update(skip_locked=True).first()
        if job is None:
            return None
        job_class.objects.filter(pk=job.pk).update(
            **job_class.initial_fields(),
            state=JobState.RUNNING,
            attempt=job.attempt + 1,
            worker=worker,
            started_at=NOW,
            **_lease(),
        )
        job.refresh_from_db()
    return job


def _lease() -> dict:
    return {"heartbeat_at": NOW, "lease_expires_at": from_now(timedelta(seconds=settings.TRAIN_LEASE_S))}


def owned(job: Job) -> models.QuerySet:
    """The job's row, if it is still running under this attempt; else no row."""
    return type(job).objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING)


def renew(job: Job, **fields) -> bool:
    """Renew the lease and write the fields; False if this attempt no longer owns the job."""
    return bool(owned(job).update(**_lease(), **fields))


def finish(job: Job, state: str, *, unless_cancelled: bool = False, **fields) -> bool:
    """Move a running job to a final state; False if this attempt no longer owns it, or a user has cancelled it."""
    rows = owned(job).filter(cancel_requested_at=None) if unless_cancelled else owned(job)
    return bool(rows.update(state=state, finished_at=NOW, **fields))


def hand_back(job: Job) -> None:
    """Queue the job again without counting this attempt: its worker has to stop."""
    owned(job).update(**job.initial_fields(), state=JobState.QUEUED, attempt=job.attempt - 1, started_at=None)


def queue_again(job: Job, sentence: str, *, code: str) -> None:
    """Queue the job again for its next attempt; without one it fails, for this reason."""
    if job.attempt < settings.TRAIN_MAX_ATTEMPTS:
        owned(job).update(**job.initial_fields(), state=JobState.QUEUED, started_at=None)
    else:
        finish(job, JobState.FAILED, error=f"{sentence} {job.RETRY_HINT}", error_code=code)


def cancel(job: Job, *, by) -> Job:
    """Finish a queued job at once; ask the worker of a running one to stop it.

    Raises Conflict if the job has finished, and NotFound if it was deleted. The caller checks permissions: each kind
    of job has its own rule.
    """
    jobs = type(job).objects.filter(pk=job.pk)
    fields = {"cancel_requested_at": NOW, "error": f"Cancelled by {by.get_username()}."}
    with transaction.atomic():
        locked = type(job).objects.select_for_update().numbered(job.pk)
        if locked.is_finished:
            raise Conflict(
                f"{job.NOUN.capitalize()} {job.pk} has already finished ({locked.get_state_display()}).",
                code="job_ended",
            )
        if locked.state == JobState.QUEUED:
            fields |= {"state": JobState.CANCELLED, "error_code": "cancelled", "finished_at": NOW}
        jobs.update(**fields)
        job.refresh_from_db()
    return job
