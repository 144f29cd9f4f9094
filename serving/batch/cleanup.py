"""The files of scoring jobs, and when they are deleted. Imports nothing large: an idle scorer stays small."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings

from mlplatform import storage
from mlplatform.jobs import reaper
from mlplatform.resilience import database_clock, inventory
from mlplatform.resilience.doctor import Reference
from serving.models import ScoringJob

FOLDER = "scoring-jobs"  # in the datasets bucket; no dataset can have this name


def tidy() -> int:
    """Reap expired leases, and delete input files and expired results. Returns the number of reaped jobs."""
    count = reaper.reap(ScoringJob)
    finished = ScoringJob.objects.finished().defer("recipe")
    store = storage.datasets()
    for job in inventory.while_responding(store, finished.exclude(input_key="")):
        discard_input(job)
    keep = timedelta(days=settings.SCORING_KEEP_DAYS)
    expired = finished.filter(finished_at__lt=database_clock.ago(keep))
    for job in inventory.while_responding(store, expired):
        remove(job)
    return count


def references() -> Iterator[Reference]:
    """The files of scoring jobs. A finished job without its result is deleted; an unfinished one fails when it runs."""
    for job in ScoringJob.objects.only("input_key", "result_key"):
        for key in filter(None, (job.input_key, job.result_key)):
            yield Reference(key, f"scoring job {job.pk}", partial(remove, job))


def discard_input(job: ScoringJob) -> None:
    """Delete the input of a finished job, which never runs again; the next attempt of any other job needs it."""
    finished = ScoringJob.objects.finished().filter(pk=job.pk)
    if finished.exists():
        storage.discard(storage.datasets(), job.input_key)
        finished.update(input_key="")


def remove(job: ScoringJob) -> bool:
    """Delete a finished job, then its files; False if it has not finished or no longer exists."""
    deleted, _ = ScoringJob.objects.finished().filter(pk=job.pk).delete()
    if deleted:
        for key in filter(None, (job.input_key, job.result_key)):
            storage.discard(storage.datasets(), key)
    return bool(deleted)
