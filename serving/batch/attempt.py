"""One attempt of a scoring job, in the scorer's own process."""

import tempfile
import time
from functools import partial
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.readers.tables import ParseRecipe
from mlplatform import storage
from mlplatform.auth import quota
from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt, Superseded
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import with_retries
from serving.batch import cleanup, scorer
from serving.model_cache.cache import shared_cache
from serving.models import ScoringJob
from serving.monitoring import metrics

WRITE_EVERY_S = 0.5
RETRY_S = 60  # while the database or the object store is unavailable


def run(attempt: Attempt, *, retry_s: float = RETRY_S) -> None:
    """Predict the job's file and store the result, or record why not."""
    with (
        attempt.recording_outcome(),
        metrics.count_failures("file") as call,
        tempfile.TemporaryFile() as output,
    ):
        _score(attempt, output, call, retry_s=retry_s)
    cleanup.discard_input(attempt.job)


def _score(attempt: Attempt, output: IO[bytes], call: metrics.Call, *, retry_s: float) -> None:
    job, start = attempt.job, time.perf_counter()
    if job.model_version_id is None:
        raise ValidationError(
            "The model version was deleted before all rows were predicted.", code="version_deleted"
        )
    storage.require_temporary_space(job.input_size)  # for the result, and a copy of the input from S3
    get_entry = partial(shared_cache().get, job.dataset_name, stage=job.stage, version=job.version)
    entry = call.entry = with_retries(get_entry, for_s=retry_s)
    opened = partial(storage.open_file, storage.datasets(), job.input_key)
    with with_retries(opened, for_s=retry_s) as file:
        table = scorer.Table(file, ParseRecipe.from_dict(job.recipe), job.rows)
        totals = scorer.score(
            entry.model,
            table,
            output,
            probabilities=job.probabilities,
            report=Progress(attempt),
            threads=settings.CORES,
        )
    size = output.seek(0, 2)
    with_retries(lambda: quota.check(job.requested_by, size), for_s=retry_s)  # which reads the user, too
    key = with_retries(partial(_store, job, output), for_s=retry_s)
    with_retries(partial(_succeed, attempt, totals, key=key, size=size), for_s=retry_s)
    metrics.count_prediction(
        entry, protocol="file", rows=totals.rows, warnings=totals.input_warnings, start=start
    )


def _store(job: ScoringJob, output: IO[bytes]) -> str:
    key = f"{storage.unique_folder(cleanup.FOLDER)}/result.{job.format}"
    storage.save(storage.datasets(), key, output)
    return key


def _succeed(attempt: Attempt, totals: scorer.Totals, *, key: str, size: int) -> None:
    """Write the result into the job. Raises Interrupted if the job was cancelled or is another attempt's now."""
    job = attempt.job
    if ScoringJob.objects.filter(pk=job.pk, result_key=key).exists():
        return  # by an earlier try, whose connection broke before it saw the commit
    is_finished = leases.finish(
        job,
        JobState.SUCCEEDED,
        unless_cancelled=True,
        progress=1,
        rows_done=totals.rows,
        input_warnings=totals.input_warnings,
        result_key=key,
        result_size=size,
        error="",
    )
    if not is_finished:
        storage.discard(storage.datasets(), key)
        attempt.check_row()
        raise Superseded


class Progress:
    """Writes the progress of an attempt, at most twice a second, and interrupts it if it has to end."""

    def __init__(self, attempt: Attempt):
        self.attempt, self.written_at = attempt, 0.0

    def __call__(self, totals: scorer.Totals) -> None:
        self.attempt.check()
        if time.monotonic() - self.written_at < WRITE_EVERY_S:
            return
        self.written_at = time.monotonic()
        progress = min(totals.rows / max(self.attempt.job.rows, 1), 1)
        self.attempt.report(rows_done=totals.rows, progress=progress, input_warnings=totals.input_warnings)
