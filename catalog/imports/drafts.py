"""Drafts: files that are stored before anything of them is parsed, until they are confirmed or discarded."""

import io
from collections.abc import Callable
from pathlib import PurePath
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.models import DatasetVersion, Draft
from catalog.names import normalize_name
from catalog.readers.formats import EXTENSIONS
from mlplatform import hashing, storage
from mlplatform.auth import permissions, quota
from mlplatform.errors import Conflict, DiskFull, NotReady, TooLarge
from mlplatform.resilience import inventory

MB = 1024**2


def store_draft(
    file: IO[bytes], *, filename: str, by, corrections: dict | None = None, name: str = ""
) -> Draft:
    """Store an uploaded file as it is. `name` is that of its dataset, if it is known.

    Raises TooLarge, and NotReady if the object store does not respond, or as its DiskFull.
    """
    permissions.check(by, "upload")
    size = check_size(file)
    draft = _new_draft(name or filename, filename, size, corrections=corrections, by=by)
    sha256 = hashing.sha256(file)
    return _stored(draft, sha256, lambda: storage.save(storage.datasets(), draft.key, file))


def store_manifest(content: bytes, *, uri: str, filename: str, size: int, name: str, by) -> Draft:
    """Store the manifest of the files at `uri`, which have `size` bytes and stay where they are. Raises NotReady."""
    draft = Draft(
        key=f"{storage.unique_folder(name)}/{name}.manifest.json",
        filename=filename,
        size_bytes=size,
        uri=uri,
        created_by=by,
    )
    file = io.BytesIO(content)
    return _stored(draft, hashing.sha256(file), lambda: storage.save(storage.datasets(), draft.key, file))


def draft_of_version(version: DatasetVersion, *, corrections: dict | None = None, by) -> Draft:
    """A draft of the stored bytes of a version, by default with its corrections, so that they can be changed.

    The bytes are shared, not copied, if the store can. Raises what store_draft() and files.open_version() raise.
    """
    from catalog import files  # imports pandas: an idle worker, which sweeps drafts, does without its 70 MB

    permissions.check(by, "upload")
    files.open_version(version).close()  # checks its SHA-256, and that it was uploaded
    corrections = version.corrections if corrections is None else corrections
    name, filename = version.dataset.name, version.original_filename
    draft = _new_draft(name, filename, version.size_bytes, corrections=corrections, by=by)
    return _stored(draft, version.sha256, lambda: storage.share(storage.datasets(), version.key, draft.key))


def _new_draft(name: str, filename: str, size: int, *, corrections: dict | None, by) -> Draft:
    quota.check(by, size)
    return Draft(
        key=_new_key(name, filename),
        filename=filename[-255:],
        size_bytes=size,
        corrections=corrections or {},
        created_by=by,
    )


def _stored(draft: Draft, sha256: str, store: Callable[[], None]) -> Draft:
    """The row is written first, without a digest: whatever interrupts the upload, a sweep finds the file by its row."""
    draft.save()
    try:
        store()
    except DiskFull:
        discard(draft)
        raise
    draft.sha256 = sha256
    draft.save(update_fields=["sha256"])
    return draft


def check_size(file: IO[bytes]) -> int:
    """The size of an uploaded file. Raises TooLarge above MAX_UPLOAD_MB."""
    size = file.seek(0, 2) or file.tell()  # some file objects return None
    if size > settings.MAX_UPLOAD_MB * MB:
        raise TooLarge(
            f"The file is {-(-size // MB)} MB; the limit is {settings.MAX_UPLOAD_MB} MB.", code="too_large"
        )
    return size


def discard(draft: Draft) -> None:
    """Delete a draft and its files, unless it was added to the catalog or discarded meanwhile.

    Raises Conflict while an import job reads it.
    """
    with transaction.atomic():
        if job := draft.import_jobs.unfinished().select_for_update().first():
            raise Conflict(
                f"{draft.filename} is being imported. Cancel import job {job.pk} first.", code="job_not_ended"
            )
        deleted = Draft.objects.filter(pk=draft.pk).delete()[1].get(Draft._meta.label)
    if deleted:
        inventory.discard_folder(storage.datasets(), draft.folder)


def discard_after(error: Exception, draft: Draft) -> None:
    """Discard a draft that an error has made useless.

    While the store does not respond, deleting would wait for it again: a sweep does it. After an error that nobody
    expects, the rows can be committed already: their files stay.
    """
    is_expected = isinstance(error, ValidationError)
    if is_expected and (isinstance(error, DiskFull) or not isinstance(error, NotReady)):
        discard(draft)


def _new_key(name: str, filename: str) -> str:
    try:
        name = normalize_name(name)
    except ValidationError:  # its user can enter another one when it is confirmed
        name = "table"
    suffixes = [suffix for suffix in PurePath(filename.lower()).suffixes[-2:] if suffix[1:] in EXTENSIONS]
    return f"{storage.unique_folder(name)}/{name}{''.join(suffixes) or '.csv'}"
