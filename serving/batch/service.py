"""Predictions for whole table files, at once where that is quick, else as a job: what may be asked for.

What runs a job is in attempts.py, what cares for its bytes in cleanup.py.
"""

import contextlib
import tempfile
import time
from dataclasses import dataclass
from typing import IO

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django_tasks import task

from catalog.models import Dataset
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from registry.models import JobState
from serving import prediction
from serving.batch import cleanup, scorer
from serving.model_cache.cache import shared_cache
from serving.models import ScoringJob, result_name
from serving.monitoring import metrics

# A request holds a thread of the web server while somebody waits: what may take longer than seconds is a job.
AT_ONCE_BYTES = 8 * 1024**2
AT_ONCE_ROWS = 250_000  # as many bytes of Parquet can be two million rows
AT_ONCE_S = 5  # an estimator may be slow
AT_ONCE_RESULT = 64 * 1024**2  # and compressed cells long


class _TakesLong(Exception):
    """What looked quick is not."""


@dataclass(frozen=True)
class Scored:
    """A finished table, open at its beginning; closing the file deletes it."""

    file: IO[bytes]
    format: str
    filename: str


@task(queue_name=cleanup.QUEUE)
def run_job(job_id: int) -> None:
    """The queue's task."""
    from serving.batch.attempt import run  # a web process needs none of it

    run(job_id)


def score(
    dataset: Dataset | str,
    *,
    stage: str,
    file: IO[bytes],
    filename: str,
    by,
    version: int | None = None,
    probabilities: bool = False,
    as_job: bool = False,
) -> Scored | ScoringJob:
    """Predict every row of a CSV or Parquet file, all of them by one version, whatever is released meanwhile.

    A small file becomes a table, and nothing is answered before its last row is predicted; a larger one, one that takes
    longer than a few seconds, or any with `as_job`, becomes a queued job. Raises ValidationError for what is wrong with
    the file as a file anywhere, for rows that do not fit the model (of a job: its first 20,000), and what
    ModelCache.get() raises.
    """
    start = time.perf_counter()
    with metrics.count_failures("file") as attempt:
        permissions.check(by, "predict")
        name = dataset if isinstance(dataset, str) else dataset.name
        entry = attempt.entry = shared_cache().get(name, stage=stage, version=version)
        prediction.check(entry, probabilities=probabilities)
        given = scorer.table(file, filename)
        size = file.seek(0, 2) or file.tell()  # some file objects answer None
        if not as_job and size <= AT_ONCE_BYTES and given.rows <= AT_ONCE_ROWS:
            with contextlib.suppress(_TakesLong):
                return _scored(entry, given, filename=filename, probabilities=probabilities, start=start)
        scorer.try_first(entry.model, given, probabilities=probabilities)
        job = ScoringJob(
            dataset_name=entry.release.dataset.name,
            stage=entry.release.stage,
            version=entry.release.model_version.number,
            model_version=entry.release.model_version,
            filename=filename[-255:],
            format=given.recipe.format,
            recipe=given.recipe.to_dict(),
            probabilities=probabilities,
            rows=given.rows,
            input_size=size,
            requested_by=by,
        )
        return _queued(job, file)


def _scored(entry, given: scorer.Table, *, filename: str, probabilities: bool, start: float) -> Scored:
    with contextlib.ExitStack() as stack:
        scored = stack.enter_context(tempfile.TemporaryFile())
        end = time.perf_counter() + AT_ONCE_S

        def tell(counted: scorer.Counted) -> None:
            is_over = time.perf_counter() > end or scored.tell() > AT_ONCE_RESULT
            if is_over and counted.rows < given.rows:
                raise _TakesLong

        counted = scorer.score(entry.model, given, scored, probabilities=probabilities, tell=tell)
        stack.pop_all()  # it is handed on open
    scored.seek(0)
    metrics.count_prediction(entry, protocol="file", rows=counted.rows, warnings=counted.notices, start=start)
    return Scored(scored, given.recipe.format, result_name(filename, given.recipe.format))


def _queued(job: ScoringJob, file: IO[bytes]) -> ScoringJob:
    """Bytes first, then the row that points to them, together with its place in the queue."""
    job.input_key = f"{storage.unique_folder(cleanup.FOLDER)}/input.{job.format}"
    storage.save(storage.datasets(), job.input_key, file)
    with transaction.atomic():
        job.save(force_insert=True)
        leases.enqueue(job)
    return job


def cancel(job: ScoringJob, *, by) -> ScoringJob:
    """End a queued job at once, and a running one within seconds. Raises Conflict when it has ended."""
    _check_whose(job, by)
    cancelled = leases.cancel(job, by=by)
    if cancelled.is_finished:
        cleanup.discard_input(cancelled)
    return cancelled


def delete(job: ScoringJob, *, by) -> None:
    """Delete an ended job and its result. Raises Conflict while it has not ended."""
    _check_whose(job, by)
    if not cleanup.remove(job):
        raise Conflict(f"Scoring job {job.pk} has not ended yet. Cancel it first.", code="job_not_ended")


def may_change(job: ScoringJob, user) -> bool:
    """A scoring job is its requester's: others may look, and whoever may delete models may end it too."""
    is_own = job.requested_by_id == user.pk and permissions.can(user, "predict")
    return is_own or permissions.can(user, "delete")


def _check_whose(job: ScoringJob, by) -> None:
    permissions.check(by, "predict")
    if not may_change(job, by):
        raise PermissionDenied(
            "Only whoever asked for a scoring job, and release managers and above, may cancel or delete it."
        )


def open_result(job: ScoringJob) -> IO[bytes]:
    """The finished table. Raises Conflict while there is none, and NotReady when the store does not answer."""
    if job.state == JobState.SUCCEEDED:
        return storage.open_file(storage.datasets(), job.result_key)
    if not job.is_finished:
        raise Conflict(
            f"Scoring job {job.pk} is still {job.get_state_display()}. Its result is there when it has succeeded.",
            code="job_not_ended",
        )
    raise Conflict(
        f"Scoring job {job.pk} has no result ({job.get_state_display()}). {job.error}", code="no_result"
    )
