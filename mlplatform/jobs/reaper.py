"""Expired leases: the worker died or lost its machine, so its job is queued again or marked lost."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import close_old_connections, connection

from mlplatform.jobs import leases
from mlplatform.jobs.models import Job, JobState
from mlplatform.jobs.retries import database_may_be_unavailable
from mlplatform.resilience.database_clock import LEASE_EXPIRED, NOW

logger = logging.getLogger(__name__)


def reap(job_class: type[Job]) -> int:
    """Queue jobs again whose lease has expired, up to TRAIN_MAX_ATTEMPTS attempts; the others are lost.

    Returns the number of jobs that changed.
    """
    return sum(_reclaim(job) for job in job_class.objects.running().filter(LEASE_EXPIRED))


def _reclaim(job: Job) -> int:
    # The conditions are repeated in the write: the lease may have been renewed since it was read.
    expired = leases.owned(job).filter(LEASE_EXPIRED)
    if job.cancel_requested_at:
        return expired.update(state=JobState.CANCELLED, error_code="cancelled", finished_at=NOW)
    if job.attempt < settings.TRAIN_MAX_ATTEMPTS:
        return expired.update(state=JobState.QUEUED, **job.initial_fields())
    return expired.update(
        state=JobState.LOST,
        error=f"The worker ({job.worker}) died or lost its machine, and no attempt is left. {job.RETRY_HINT}",
        error_code="lost",
        finished_at=NOW,
    )


def _rest(closing: threading.Event, clock: Callable[[], float]) -> None:
    """Wait until leases are renewed, and once more if the clock has gone much further: the machine was suspended, or
    its clock set. Its own leases may have expired, so its workers renew them before anything is reaped.
    """
    has_jumped = True
    while has_jumped and not closing.is_set():
        start = clock()
        closing.wait(leases.renewal_s())
        has_jumped = clock() - start > settings.TRAIN_LEASE_S / 2


@contextlib.contextmanager
def running_in_background(
    chore: Callable[[], int], *, clock: Callable[[], float] = time.time
) -> Iterator[None]:
    """Run the chore, which returns the number of jobs it reaped, in a thread each time leases are renewed."""
    closing = threading.Event()

    def repeat() -> None:
        while not closing.is_set():
            close_old_connections()
            with database_may_be_unavailable():
                if count := chore():
                    logger.warning("the leases of %s jobs had expired", count)
            _rest(closing, clock)
        connection.close()

    thread = threading.Thread(target=repeat, name="reaper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join(timeout=1)  # a daemon: a hanging database must not delay the stop
