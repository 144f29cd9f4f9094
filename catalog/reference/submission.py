"""Register files that lie in a bucket, or in a folder of the server, as a dataset: nothing of them is copied."""

import hashlib

from django.conf import settings

from catalog.imports import drafts, registration
from catalog.imports.confirmation import Added
from catalog.models import Dataset, DatasetVersion, ImportJob
from catalog.names import normalize_name
from catalog.objects import manifest
from catalog.objects.location import Location
from catalog.objects.manifest import Manifest
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, TooLarge, as_expected
from mlplatform.jobs import leases

MB = 1024**2


def register(
    name: str, *, uri: str, description: str = "", new_version: bool = False, by
) -> Added | ImportJob:
    """Add the Parquet or CSV files at `uri` to the catalog as one table. Returns the job that reads and profiles them.

    Their keys, sizes and ETags are the version: the same ones are the version that is already there. Adding to an
    existing dataset requires `new_version`. Raises ValidationError for the field `uri`, Conflict if the name is taken,
    TooLarge, and NotReady.
    """
    permissions.check(by, "upload")
    name, location = normalize_name(name), Location.parse(uri.strip())
    found = manifest.of_location(location)
    _check_size(found)
    content = found.to_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if same := registration.existing(name, sha256, corrections={}, new_version=new_version):
        return same, False
    same_jobs = ImportJob.objects.unfinished().filter(name=name, uri=str(location), draft__sha256=sha256)
    if job := same_jobs.first():
        return job
    draft = drafts.store_manifest(
        content, uri=str(location), filename=location.name, size=found.size, name=name, by=by
    )
    job = ImportJob(
        draft=draft,
        uri=draft.uri,
        keeps_draft=False,
        filename=draft.filename,
        size_bytes=draft.size_bytes,
        name=name,
        description=description,
        new_version=new_version,
        requested_by=by,
    )
    try:
        return leases.enqueue(job)
    except Exception as error:
        drafts.discard_after(as_expected(error), draft)
        raise


def register_again(dataset: Dataset, *, by) -> Added | ImportJob:
    """Register what is at the location of the latest version by reference now: the next version if it has changed.

    Returns and raises what register() does, and Conflict for a dataset without such a version.
    """
    latest = latest_of(dataset)
    if latest is None:
        raise Conflict(f"`{dataset.name}` is not registered by reference.", code="not_registered")
    return register(dataset.name, uri=latest.uri, new_version=True, by=by)


def latest_of(dataset: Dataset) -> DatasetVersion | None:
    """The latest version by reference."""
    return dataset.versions.exclude(uri="").order_by("-number").first()


def _check_size(found: Manifest) -> None:
    limit = settings.MAX_UNPACKED_MB
    if found.size > limit * MB:
        raise TooLarge(
            f"The files at `{found.location}` have {found.size // MB:,} MB; the limit is {limit:,} MB "
            "(MAX_UNPACKED_MB). Register fewer of them.",
            code="too_large",
        )
