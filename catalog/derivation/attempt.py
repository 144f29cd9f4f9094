"""One attempt of an import job whose file is the result of a query, in its own process."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.derivation import engine, inputs, messages, syntax
from catalog.derivation.cleanup import spill_folder
from catalog.derivation.inputs import StoredTable
from catalog.derivation.models import Derivation
from catalog.derivation.syntax import Query
from catalog.imports import drafts, ingestion
from catalog.imports.attempt import RETRY_S, add_draft, reporting_progress
from catalog.models import DatasetVersion, Draft, ImportJob
from catalog.profiling.typed_copy import Writer
from catalog.readers.recipe import Finding
from mlplatform import storage
from mlplatform.errors import TooLarge
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import with_retries

MB = 1024**2
OWN_MB = 350  # of a process besides DuckDB, measured: 130 MB, and 200 MB while a result is written
FREE_SHARE = 0.5  # of the temporary folder, for what does not fit into memory


class Progress(ingestion.Progress):
    """The query is the first half of the work, and reading its result the second."""

    def __init__(self):
        super().__init__()
        self.connection, self._has_run = None, False

    @property
    def share(self) -> float:
        if self._has_run:
            return 0.5 + super().share / 2
        percent = 0
        if connection := self.connection:
            with contextlib.suppress(Exception):  # it is closed in another thread
                percent = connection.query_progress()
        return max(percent, 0) / 200

    def has_run(self) -> None:
        self.connection, self._has_run = None, True


def run_claimed(*, job: int, attempt: int) -> None:
    """Run an attempt that a worker has claimed, in the child process that it has forked for it."""
    jobs = ImportJob.objects.select_related("draft", "derivation", "requested_by")
    if claimed := jobs.filter(pk=job, attempt=attempt, state=JobState.RUNNING).first():
        run(claimed, retry_s=RETRY_S)


def run(job: ImportJob, *, retry_s: float = 0) -> None:
    """Run the query of a job in this process and register its result, or record why not."""
    attempt = Attempt(job)
    with attempt.recording_outcome():
        progress = Progress()
        if job.draft is None or not job.draft.sha256:  # else an attempt that was killed has left it
            job.draft = with_retries(partial(_draft, attempt, progress), for_s=retry_s)
        progress.has_run()
        add_draft(
            attempt,
            progress=progress,
            findings=list(_findings(job.derivation)),
            finish=partial(_attach, job.derivation),
            retry_s=retry_s,
        )


def _attach(derivation: Derivation, version: DatasetVersion) -> None:
    Derivation.objects.filter(pk=derivation.pk).update(dataset_version=version)


def _draft(attempt: Attempt, progress: Progress) -> Draft:
    """Run the query and store its result as a draft of the job."""
    job = attempt.job
    versions = _versions(job)
    with tempfile.TemporaryFile() as result:
        with _database(job, versions, progress) as connection, reporting_progress(attempt, progress):
            query = syntax.parse(connection, job.derivation.sql)
            inputs.check(query.tables, versions)
            _write(connection, query, result)
        draft = drafts.store_draft(result, filename=job.filename, by=job.requested_by, name=job.name)
    leases.renew(job, draft=draft, size_bytes=draft.size_bytes)
    return draft


def _versions(job: ImportJob) -> dict[str, DatasetVersion]:
    """What the query reads, by reference. Raises ValidationError if some of it was deleted, or its requester."""
    if job.requested_by is None:
        raise ValidationError("The account that requested this query was deleted.", code="account_deleted")
    found = list(job.derivation.inputs.select_related("version__dataset"))
    for one in found:
        if one.version is None:
            raise ValidationError(
                f"`{one.dataset_name}` version {one.version_number} was deleted in the meantime.",
                code="input_deleted",
            )
    return {one.reference: one.version for one in found}


@contextlib.contextmanager
def _database(job: ImportJob, versions: dict[str, DatasetVersion], progress: Progress) -> Iterator:
    tables = {reference: StoredTable.of(version) for reference, version in versions.items()}
    storage.require_space_to_read(storage.datasets(), sum(table.size for table in tables.values()))
    memory_mb = settings.IMPORT_MEMORY_MB - OWN_MB
    with _spill_folder(job) as folder, inputs.opened(tables, verified=versions) as local:
        spill_mb = max(int(shutil.disk_usage(folder).free * FREE_SHARE) // MB, 1)
        limits = {"memory_mb": memory_mb, "spill": str(folder), "spill_mb": spill_mb}
        with engine.database(local, with_progress=True, **limits) as connection:
            progress.connection = connection
            try:
                yield connection
            finally:
                progress.has_run()


@contextlib.contextmanager
def _spill_folder(job: ImportJob) -> Iterator[Path]:
    """A folder for what does not fit into memory. Cleanup deletes that of a killed process."""
    folder = spill_folder(job)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier try
    folder.mkdir(mode=0o700)  # not one that somebody else has put there
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(connection, query: Query, result: IO[bytes]) -> None:
    """Write the result as a typed Parquet file. Raises ValidationError, and TooLarge above MAX_UPLOAD_MB."""
    columns = engine.columns(connection, query)
    writer, has_rows = Writer(result, columns), False
    try:
        for batch in engine.batches(connection, query, columns):
            writer.write(batch)
            has_rows = has_rows or batch.num_rows > 0
            if result.tell() > settings.MAX_UPLOAD_MB * MB:
                raise TooLarge(
                    f"The result has more than {settings.MAX_UPLOAD_MB:,} MB, the limit of a file. Select fewer "
                    "rows or columns.",
                    code="too_large",
                )
        if not has_rows:
            raise messages.error("The query returns no rows, and a dataset has at least one.", code="no_rows")
    except BaseException:
        writer.abandon()
        raise
    writer.close()


def _findings(derivation: Derivation) -> Iterator[Finding]:
    if derivation.is_volatile:
        yield Finding(
            "volatile_query",
            "The query uses chance or the clock: over the same versions it can have another result.",
        )
