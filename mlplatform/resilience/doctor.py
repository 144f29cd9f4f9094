"""Examine an object store: does it work, and do its files and the rows of the database refer to each other?"""

import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.core.files.storage import FileSystemStorage, Storage
from django.db import transaction
from django.db.models import ProtectedError

from mlplatform import storage
from mlplatform.errors import NotReady
from mlplatform.resilience import inventory

PROBE_FOLDER = "storage-doctor"  # no dataset can have this name
PART_BYTES = 5 * 1024**2  # S3 accepts no smaller part, except the last
MAX_SKEW = timedelta(minutes=5)  # S3 rejects requests from 15 minutes on
MIN_AGE = timedelta(days=1)  # of what nothing refers to: an upload may still be going on

# By the error code of S3, the setting to change.
SETTINGS = {
    "InvalidAccessKeyId": "OBJECT_STORAGE_ACCESS_KEY is not known to the store.",
    "SignatureDoesNotMatch": "OBJECT_STORAGE_SECRET_KEY does not belong to OBJECT_STORAGE_ACCESS_KEY.",
    "AccessDenied": "Grant GetObject, PutObject, DeleteObject, ListBucket, AbortMultipartUpload and "
    "ListBucketMultipartUploads on the bucket to OBJECT_STORAGE_ACCESS_KEY, or set another one.",
    "NoSuchBucket": "Set DATASETS_BUCKET and TRAINED_MODELS_BUCKET, or run `manage.py bootstrap` to create them.",
    "AuthorizationHeaderMalformed": "Set OBJECT_STORAGE_REGION to the region of the bucket.",
    "PermanentRedirect": "Set OBJECT_STORAGE_REGION and OBJECT_STORAGE_ENDPOINT to those of the bucket.",
    "RequestTimeTooSkewed": "Set the clock of this machine, for example by NTP.",
}
ELSE_S3 = "Check OBJECT_STORAGE_ENDPOINT and that it can be reached from this machine."
ELSE_LOCAL = "Check that DATA_DIR is mounted, that this user can write there, and that its disk is not full."


@dataclass(frozen=True)
class Reference:
    """What a row says of a stored file. `forget` changes the row if the file is lost; None: only a backup helps.

    It raises ProtectedError or returns False if it cannot.
    """

    key: str
    owner: str
    forget: Callable[[], object] | None = None


@dataclass(frozen=True)
class Fault:
    """A step of the probe that failed, and what to do."""

    step: str
    cause: str
    remedy: str


def probe(store: Storage) -> Iterator[Fault]:
    """Write, read, and delete small files as the platform does; yields the faults. Leaves nothing."""
    key = f"{PROBE_FOLDER}/{secrets.token_hex(6)}"
    content = secrets.token_bytes(2 * PART_BYTES if _is_s3(store) else 1024)
    steps = {
        "write": lambda: storage.save(store, key, io.BytesIO(content[:1024])),
        "read": lambda: _compare(storage.open_file(store, key).read(), content[:1024]),
        "read a part": lambda: _compare(
            storage.open_part(store, key, start=10, length=20, size=1024).read(), content[10:30]
        ),
        "clock": lambda: _check_clock(store, key),
        "delete": lambda: store.delete(key),
        "list": lambda: _check_deleted(store, key),
    }
    if _is_s3(store):
        steps["write in parts"] = lambda: _write_in_parts(store, key, content)
        steps["list unfinished uploads"] = lambda: list(inventory.unfinished_uploads(store, PROBE_FOLDER))
    for step, run in steps.items():
        try:
            run()
        except Exception as error:  # noqa: BLE001 - each is reported
            yield _fault(store, step, error)
            return


def _is_s3(store: Storage) -> bool:
    return not isinstance(store, FileSystemStorage)


class _Wrong(Exception):
    """The store answered, but not as it should; the arguments are the cause and the remedy."""


def _compare(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise _Wrong(
            "other bytes came back", "Use another object store: this one does not keep what it is sent."
        )


def _check_deleted(store: Storage, key: str) -> None:
    if any(found.key == key for found in inventory.files(store, PROBE_FOLDER)):
        raise _Wrong("a deleted file is still listed", "Use a store whose lists are consistent.")


def _check_clock(store: Storage, key: str) -> None:
    if _is_s3(store):
        response = store.connection.meta.client.head_object(Bucket=store.bucket_name, Key=key)
        there = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    else:
        there = next(found.modified_at for found in inventory.files(store, PROBE_FOLDER) if found.key == key)
    skew = abs(datetime.now(UTC) - there)
    if skew > MAX_SKEW:
        raise _Wrong(f"its clock differs by {skew.total_seconds():.0f} s", SETTINGS["RequestTimeTooSkewed"])


def _write_in_parts(store: Storage, key: str, content: bytes) -> None:
    """As uploads above 8 MB are written, with a checksum of each part, as newer clients send."""
    client, target = store.connection.meta.client, {"Bucket": store.bucket_name, "Key": key}
    upload = client.create_multipart_upload(**target)["UploadId"]
    try:
        parts = []
        for number in (1, 2):
            body = content[(number - 1) * PART_BYTES : number * PART_BYTES]
            answer = client.upload_part(**target, UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
    except Exception:
        client.abort_multipart_upload(**target, UploadId=upload)
        raise
    try:
        _compare(storage.open_file(store, key).read(), content)
    finally:
        store.delete(key)


def _fault(store: Storage, step: str, error: Exception) -> Fault:
    if isinstance(error, _Wrong):
        return Fault(step, *error.args)
    original = error.__cause__ if isinstance(error, NotReady) and error.__cause__ else error
    code = (getattr(original, "response", None) or {}).get("Error", {}).get("Code", "")
    remedy = SETTINGS.get(code) or (ELSE_S3 if _is_s3(store) else ELSE_LOCAL)
    return Fault(step, str(original), remedy)


@dataclass(frozen=True)
class Findings:
    """`orphans` are files and unfinished uploads that no row refers to; `lost` are references without a file."""

    files: int
    references: int
    orphans: list[inventory.Entry]
    lost: list[Reference]

    @property
    def is_another_store(self) -> bool:
        """Whether no reference has a file: more likely a wrong setting than a loss."""
        return len(self.lost) > 1 and len(self.lost) == self.references


def examine(store: Storage, references: Iterable[Reference], *, folders: Iterable[str] = ()) -> Findings:
    """Compare the files of a store with the references to them; the files in `folders` are referred to, too.

    The files are listed first: what is written meanwhile is not taken for lost.
    """
    before = datetime.now(UTC) - MIN_AGE
    present = {found.key: found for found in inventory.files(store)}
    unfinished = [found for found in inventory.unfinished_uploads(store) if found.modified_at < before]
    references = list(references)
    known, owned = {reference.key for reference in references}, tuple(f"{folder}/" for folder in folders)
    orphans = [
        found
        for found in present.values()
        if found.key not in known and not found.key.startswith(owned) and found.modified_at < before
    ]
    lost = [one for one in references if one.key not in present and not store.exists(one.key)]
    return Findings(len(present), len(references), orphans + unfinished, lost)


def repair(store: Storage, findings: Findings) -> list[Reference]:
    """Delete the orphans, and forget the lost files; returns the references that only a backup can repair."""
    for orphan in findings.orphans:
        if orphan.upload_id:
            inventory.abort(store, orphan)
        else:
            storage.discard(store, orphan.key)
    return [reference for reference in findings.lost if not _forget(reference)]


def _forget(reference: Reference) -> bool:
    if reference.forget is None:
        return False
    try:
        with transaction.atomic():
            return reference.forget() is not False
    except ProtectedError:
        return False
