"""Predictions for whole files: in the request if that is fast, else as a scoring job.

attempt.py runs a job, cleanup.py deletes its files.
"""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Sum

from catalog.models import Dataset, DatasetVersion
from catalog.readers import spreadsheet
from catalog.readers.recipe import ParseRecipe
from mlplatform import storage
from mlplatform.auth import permissions, quota
from mlplatform.errors import Conflict
from mlplatform.jobs import leases
from mlplatform.jobs.models import JobState
from serving import prediction
from serving.batch import cleanup, scorer
from serving.batch.writers import content_type
from serving.model_cache.cache import shared_cache
from serving.models import ScoringJob, result_name
from serving.monitoring import metrics


class _OverLimit(Exception):
    """The prediction takes longer, or its result is larger, than a request allows."""


@dataclass(frozen=True)
class Scored:
    """A result, open at its first byte; closing the file deletes it."""

    file: IO[bytes]
    filename: str
    delimiter: str | None  # of CSV


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
    """Predict all rows of a CSV or Parquet file by one model version, even if another one is released meanwhile.

    Returns the result of a small file; a file above the limits, or any with `as_job`, becomes a queued job. Raises
    ValidationError if the file is malformed or its rows do not match the signature (of a job, only the first 20,000
    rows are checked here), and the errors of ModelCache.get().
    """
    start = time.perf_counter()
    with metrics.count_failures("file") as call:
        permissions.check(by, "predict")
        name = dataset if isinstance(dataset, str) else dataset.name
        entry = call.entry = shared_cache().get(name, stage=stage, version=version)
        prediction.check_supported(entry.model, probabilities=probabilities)
        table = scorer.open_table(
            file, filename, entry.model.reader, trained=partial(_training_recipe, entry.model.version)
        )
        size = file.seek(0, 2) or file.tell()  # some file objects answer None
        if not as_job and _fits_a_request(size, table.rows):
            with contextlib.suppress(_OverLimit):
                return _score_inline(
                    entry, table, filename=filename, probabilities=probabilities, start=start
                )
        scorer.check_first_rows(entry.model, table, probabilities=probabilities)
        job = ScoringJob(
            dataset_name=entry.release.dataset.name,
            stage=entry.release.stage,
            version=entry.release.model_version.number,
            model_version=entry.release.model_version,
            filename=filename[-255:],
            format=table.recipe.format,
            recipe=table.recipe.to_dict(),
            probabilities=probabilities,
            rows=table.rows,
            input_size=size,
            requested_by=by,
        )
        return _enqueue(job, file)


def _fits_a_request(size: int, rows: int) -> bool:
    return size <= settings.INLINE_SCORING_BYTES and rows <= settings.INLINE_SCORING_ROWS


def _score_inline(entry, table: scorer.Table, *, filename: str, probabilities: bool, start: float) -> Scored:
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(tempfile.TemporaryFile())
        end = time.perf_counter() + settings.INLINE_SCORING_S

        def report(totals: scorer.Totals) -> None:
            is_large = output.tell() > settings.INLINE_SCORING_RESULT_BYTES
            if (is_large or time.perf_counter() > end) and totals.rows < table.rows:
                raise _OverLimit

        totals = scorer.score(entry.model, table, output, probabilities=probabilities, report=report)
        stack.pop_all()  # the caller closes it
    output.seek(0)
    metrics.count_prediction(
        entry, protocol="file", rows=totals.rows, warnings=totals.input_warnings, start=start
    )
    return Scored(output, result_name(filename, table.recipe.format), table.recipe.delimiter)


def _training_recipe(version) -> ParseRecipe | None:
    recipe = (
        DatasetVersion.objects.filter(pk=version.dataset_version_id).values_list("recipe", flat=True).first()
    )
    return recipe and ParseRecipe.from_dict(recipe)


def _enqueue(job: ScoringJob, file: IO[bytes]) -> ScoringJob:
    leases.check_queue(ScoringJob, by=job.requested_by)
    quota.check(job.requested_by, job.input_size)
    job.input_key = f"{storage.unique_folder(cleanup.FOLDER)}/input.{job.format}"
    storage.save(storage.datasets(), job.input_key, file)
    try:
        return leases.enqueue(job)
    except ValidationError:  # after any other error the row can be committed already: keep its file
        storage.discard(storage.datasets(), job.input_key)
        raise


def stored_bytes(user) -> int:
    """The size of the inputs and results of a user's scoring jobs that are still stored."""
    inputs = user.scoring_jobs.exclude(input_key="").aggregate(size=Sum("input_size"))["size"] or 0
    return inputs + (user.scoring_jobs.aggregate(size=Sum("result_size"))["size"] or 0)


def cancel(job: ScoringJob, *, by) -> ScoringJob:
    """Finish a queued job at once and a running one within seconds. Raises Conflict if it has finished."""
    _check_permission(job, by)
    cancelled = leases.cancel(job, by=by)
    if cancelled.is_finished:
        cleanup.discard_input(cancelled)
    return cancelled


def delete(job: ScoringJob, *, by) -> None:
    """Delete a finished job and its result. Raises Conflict if it has not finished, NotFound if it was deleted."""
    _check_permission(job, by)
    if not cleanup.remove(job):
        ScoringJob.objects.numbered(job.pk)
        raise Conflict(f"Scoring job {job.pk} has not finished yet. Cancel it first.", code="job_not_ended")


def may_change(job: ScoringJob, user) -> bool:
    """Whether a user may cancel and delete a job: its requester, and every user who may delete models."""
    is_own = job.requested_by_id == user.pk and permissions.can(user, "predict")
    return is_own or permissions.can(user, "delete")


def _check_permission(job: ScoringJob, by) -> None:
    permissions.check(by, "predict")
    if not may_change(job, by):
        raise PermissionDenied(
            "Only its requester, release managers and administrators can cancel or delete a scoring job."
        )


def without_formulas(result: Scored) -> Iterator[bytes]:
    recipe = spreadsheet.written_by_us(result.file, result.delimiter)
    return spreadsheet.blocks(result.file, recipe)


def result_for_spreadsheet(job: ScoringJob) -> Iterator[bytes]:
    """The result as CSV without formulas. Raises what result_file() raises, and ValidationError unless it is CSV."""
    stored = result_file(job)
    spreadsheet.check(job.format)
    file = storage.open_file(stored.store, stored.key)
    return spreadsheet.blocks(file, spreadsheet.written_by_us(file, job.recipe["delimiter"]))


def result_file(job: ScoringJob) -> storage.StoredFile:
    """The result of a job. Raises Conflict if it has none."""
    if job.state == JobState.SUCCEEDED:
        return storage.StoredFile(
            store=storage.datasets(),
            key=job.result_key,
            size=job.result_size,
            etag=hashlib.sha256(job.result_key.encode()).hexdigest(),  # a key is written once
            filename=job.result_name,
            content_type=content_type(job.result_name),
        )
    if not job.is_finished:
        raise Conflict(
            f"Scoring job {job.pk} is still {job.get_state_display()}. Its result is available once it has succeeded.",
            code="job_not_ended",
        )
    raise Conflict(
        f"Scoring job {job.pk} has no result ({job.get_state_display()}). {job.error}", code="no_result"
    )
