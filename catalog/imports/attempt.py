"""One attempt of an import job, in its own process."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from catalog.imports import drafts, ingestion, receipts, registration
from catalog.imports.ingestion import Ingested, Progress, Source
from catalog.models import DRAFT_GONE, DatasetVersion, ImportJob
from catalog.readers.recipe import Finding
from mlplatform import storage
from mlplatform.errors import NotReady
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt, Superseded
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import with_retries
from mlplatform.resilience import inventory

WRITE_EVERY_S = 1
RETRY_S = 60  # while the database or the object store is unavailable


def run_claimed(*, job: int, attempt: int) -> None:
    """Run an attempt that a worker has claimed, in the child process that it has forked for it."""
    jobs = ImportJob.objects.select_related("draft", "requested_by")
    if claimed := jobs.filter(pk=job, attempt=attempt, state=JobState.RUNNING).first():
        run(claimed, retry_s=RETRY_S)


def run(job: ImportJob, *, retry_s: float = 0) -> None:
    """Read the draft of a job in this process and register it, or record why not."""
    attempt = Attempt(job)
    with attempt.recording_outcome():
        if job.draft is None:
            raise ValidationError(DRAFT_GONE, code="draft_not_found")
        add_draft(attempt, retry_s=retry_s)


def add_draft(
    attempt: Attempt,
    *,
    progress: Progress | None = None,
    findings: Sequence[Finding] = (),
    finish: Callable[[DatasetVersion], None] = lambda version: None,
    retry_s: float,
) -> None:
    """Read the draft of a job, register it with these findings too, and call `finish` in the same transaction."""
    source = Source.of(attempt.job.draft)
    try:
        ingested = _read(attempt, source, progress=progress, retry_s=retry_s)
        described = [finding.to_dict() for finding in findings]
        ingested = replace(ingested, findings=[*described, *ingested.findings])
        _add(attempt, ingested, finish=finish, retry_s=retry_s)
    except ValidationError as error:
        if not isinstance(error, NotReady):
            source.discard_outputs()
        raise


def _read(attempt: Attempt, source: Source, *, progress: Progress | None, retry_s: float) -> Ingested:
    job, draft = attempt.job, attempt.job.draft
    storage.require_temporary_space(job.size_bytes)  # for the typed copy
    storage.require_space_to_read(storage.datasets(), 0 if draft.uri else job.size_bytes)
    if not draft.uri:
        ingestion.check_memory(with_retries(partial(receipts.column_count, draft), for_s=retry_s) or 0)
    with reporting_progress(attempt, progress) as progress:
        return with_retries(partial(ingestion.ingest, source, progress), for_s=retry_s)


def _add(attempt: Attempt, ingested: Ingested, *, finish: Callable, retry_s: float) -> None:
    draft = attempt.job.draft
    version, is_new = with_retries(partial(_register, attempt, ingested, finish), for_s=retry_s)
    if is_new:  # other files there are those of attempts that were killed
        inventory.discard_folder(storage.datasets(), draft.folder, keep=frozenset(version.keys))
    else:
        drafts.discard(draft)


def _register(attempt: Attempt, ingested: Ingested, finish: Callable) -> tuple[DatasetVersion, bool]:
    """Register the draft and finish the job, in one transaction."""
    job = attempt.job
    mine = ImportJob.objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.SUCCEEDED)
    if done := mine.select_related("dataset_version").first():
        return (
            done.dataset_version,
            done.is_new,
        )  # by an earlier try, whose connection broke before it saw the commit
    version, is_new = registration.register(
        job.draft,
        ingested,
        name=job.name,
        description=job.description,
        new_version=job.new_version,
        by=job.requested_by,
        finish=partial(_succeed, attempt, is_new=True, finish=finish),
    )
    if not is_new:
        with transaction.atomic():
            _succeed(attempt, version, is_new=False, finish=finish)
    return version, is_new


def _succeed(attempt: Attempt, version: DatasetVersion, *, is_new: bool, finish: Callable) -> None:
    """Write the result into the job. Raises Interrupted if the job was cancelled or is another attempt's now."""
    fields = {"dataset_version": version, "is_new": is_new, "progress": 1, "error": ""}
    if not leases.finish(attempt.job, JobState.SUCCEEDED, unless_cancelled=True, **fields):
        attempt.check_row()
        raise Superseded
    finish(version)


@contextlib.contextmanager
def reporting_progress(attempt: Attempt, progress: Progress | None = None) -> Iterator[Progress]:
    """Write the progress of the job every second."""
    progress, done = progress or Progress(), threading.Event()

    def report() -> None:
        while not done.wait(WRITE_EVERY_S):
            attempt.report(progress=progress.share)
        connection.close()

    thread = threading.Thread(target=report, name="progress", daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        done.set()
        thread.join()
