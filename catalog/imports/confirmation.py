"""Confirm a draft: read all of its file, at once if it is small, else in a job, and add it to the catalog."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError

from catalog.imports import drafts, ingestion, registration
from catalog.imports.ingestion import Ingested, Source
from catalog.models import DatasetVersion, Draft, ImportJob
from catalog.names import normalize_name
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import NotReady, as_expected
from mlplatform.jobs import leases

Added = tuple[DatasetVersion, bool]


def confirm(
    draft: Draft,
    *,
    name: str = "",
    description: str = "",
    new_version: bool = False,
    example: str = "",
    keeps_draft: bool = True,
    by,
    ingest: Callable[[Source], Ingested | None] = ingestion.in_child,
) -> Added | ImportJob:
    """Add the file of a draft to the catalog. Returns its version and whether it is new, or the job that does it.

    The name defaults to that of the file. The same bytes with the same recipe are the version that is already there;
    adding to an existing dataset requires `new_version`. `keeps_draft` says whether a job that fails leaves the draft,
    to be corrected.

    Raises ValidationError if the file cannot be read as a table, Conflict if the name is taken, and NotReady; the draft
    is then still there, to be corrected or discarded.
    """
    permissions.check(by, "upload")
    name = normalize_name(name or draft.filename)
    if job := draft.import_jobs.unfinished().first():
        return job
    corrections = draft.corrections
    if version := registration.existing(name, draft.sha256, corrections=corrections, new_version=new_version):
        drafts.discard(draft)
        return version, False
    storage.require_space(storage.datasets(), draft.size_bytes)  # for the typed copy, which is smaller
    fields = {"name": name, "description": description, "new_version": new_version}
    if draft.size_bytes <= settings.IMPORT_INLINE_MB * drafts.MB:
        added = _add(draft, ingest=ingest, example=example, by=by, **fields)
        if added is not None:
            return added
    if draft.receipt:  # of another draft, the job finds it out
        ingestion.check_memory(len(draft.receipt["columns"]))
    job = ImportJob(
        draft=draft,
        keeps_draft=keeps_draft,
        filename=draft.filename,
        size_bytes=draft.size_bytes,
        requested_by=by,
        **fields,
    )
    return leases.enqueue(job)


def _add(draft: Draft, *, ingest, **fields) -> Added | None:
    """Read and register a draft at once; None if reading it took too long."""
    source = Source.of(draft)
    try:
        ingested = ingest(source)
        added = ingested and registration.register(draft, ingested, **fields)
    except Exception as error:
        error = as_expected(error)
        if isinstance(error, ValidationError) and not isinstance(error, NotReady):
            source.discard_outputs()
        raise
    if added is None:
        source.discard_outputs()
    elif not added[1]:
        source.discard_outputs()
        drafts.discard(draft)
    return added


def cancel(job: ImportJob, *, by) -> ImportJob:
    """Finish a queued job at once and a running one within seconds. Raises Conflict if it has finished."""
    permissions.check(by, "upload")
    if not may_cancel(job, by):
        raise PermissionDenied(
            "Only its requester, release managers and administrators can cancel an import."
        )
    return leases.cancel(job, by=by)


def may_cancel(job: ImportJob, user) -> bool:
    return job.requested_by_id == user.pk or permissions.can(user, "delete")
