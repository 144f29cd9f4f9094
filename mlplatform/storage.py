"""Reads and writes of the object store, with metrics. All its errors become NotReady (503 or 507).

Keys are written once and never reused, so no reader sees parts of two files.
"""

import contextlib
import errno
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from mlplatform.errors import DiskFull, NotReady, StorageForbidden, disk_full, is_disk_full
from mlplatform.metrics import Counter
from mlplatform.resilience import circuit_breaker

logger = logging.getLogger(__name__)
requests = Counter("mlmp_storage_requests_total", "Requests to the object store", ["operation", "result"])
TIMEOUT_S = 2  # a request that fails after this long was not refused: the store did not respond


def datasets() -> Storage:
    return storages["datasets"]


def models() -> Storage:
    return storages["models"]


def unique_folder(dataset_name: str) -> str:
    """A folder for one writer, so that two files of the same name do not overwrite each other."""
    return f"{dataset_name}/{secrets.token_hex(6)}"


@contextlib.contextmanager
def faults_as_not_ready() -> Iterator[None]:
    """Turn the errors of any storage back end into NotReady, or its DiskFull or StorageForbidden."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        logger.warning("object store: %s", error)
        raise _failure(error) from error


def _failure(error: Exception) -> NotReady:
    response = getattr(error, "response", None) or {}  # of S3; that of a time-out is None
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if is_disk_full(error) or status == 507:
        return disk_full()
    if status == 403 or getattr(error, "errno", None) in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StorageForbidden(
            "The object store denies access: it is read-only, or its credentials are not accepted. Nothing was "
            "changed; ask an operator to check them.",
            code="storage_forbidden",
        )
    return _unavailable()


def require_space(storage: Storage, size: int) -> None:
    """Raise DiskFull unless a local storage has space for `size` bytes. S3 does not say how much it has."""
    if isinstance(storage, FileSystemStorage):
        _require_space(storage.location, size)


def require_temporary_space(size: int, *, folder: str | None = None) -> None:
    """Raise DiskFull unless the folder for temporary files, by default TMPDIR, has space for `size` bytes."""
    _require_space(folder or tempfile.gettempdir(), size)


def require_space_to_read(storage: Storage, size: int) -> None:
    """Raise DiskFull unless a file of `size` bytes can be opened: one from S3 is copied to the temporary folder."""
    if not isinstance(storage, FileSystemStorage):
        require_temporary_space(size)


def _require_space(folder: str, size: int) -> None:
    with faults_as_not_ready():
        free = shutil.disk_usage(folder).free
    if free < size:
        raise disk_full(needed=size, free=free)


def _unavailable() -> NotReady:
    return NotReady(
        "The object store is not responding. Nothing was changed; try again in a moment.",
        code="storage_unavailable",
    )


@contextlib.contextmanager
def request(operation: str) -> Iterator[None]:
    """Count one request to the store as ok, missing or failed, or skip it while the circuit breaker is open."""
    if not circuit_breaker.store.allows_request():
        requests.labels(operation, "skipped").inc()
        raise _unavailable()
    start, result, has_answered = time.monotonic(), "failed", False
    try:
        with faults_as_not_ready():
            yield
        result = "ok"
    except NotReady as error:
        result = "missing" if error.code == "storage_missing" else result
        has_answered = isinstance(error, DiskFull | StorageForbidden)
        raise
    finally:
        is_timeout = result == "failed" and not has_answered and time.monotonic() - start >= TIMEOUT_S
        circuit_breaker.store.record(is_timeout=is_timeout)
        requests.labels(operation, result).inc()


def save(storage: Storage, key: str, content: IO[bytes]) -> None:
    """Write a new key. Raises NotReady if the store is down, DiskFull or StorageForbidden; the caller must then not
    refer to the key. A local storage moves a temporary file of an upload, if it is on its disk.
    """
    with request("save"):
        if isinstance(storage, FileSystemStorage):
            os.listdir(storage.location)  # if it is missing, its disk is not mounted: do not create it
            if not hasattr(content, "temporary_file_path"):
                content.seek(0, os.SEEK_END)
                require_space(storage, content.tell())
        content.seek(0)
        try:
            storage.save(key, content if isinstance(content, File) else File(content))
        except OSError:
            if isinstance(storage, FileSystemStorage):  # a partial file would keep a full disk full
                with contextlib.suppress(OSError):
                    storage.delete(key)
            raise


def open_file(storage: Storage, key: str) -> IO[bytes]:
    """Open a key as a seekable binary file. Raises NotReady if the store is down or the key is missing."""
    with request("open"), _missing_as_not_ready(key):
        return storage.open(key, "rb").file  # S3 downloads here, to a spooled file


class FilePart:
    """The next `length` bytes of a file, which it closes."""

    def __init__(self, file: IO[bytes], length: int):
        self._file, self._left = file, length
        self.close = file.close

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(block)
        return block


@dataclass(frozen=True)
class StoredFile:
    """A file for users to download.

    `etag` identifies its bytes. `open_verified` opens all of them after a check, if they can be checked.
    """

    store: Storage
    key: str
    size: int
    etag: str
    filename: str
    content_type: str | None = None
    open_verified: Callable[[], IO[bytes]] | None = None

    def open(self) -> IO[bytes] | FilePart:
        return self.open_verified() if self.open_verified else self.open_part(0, self.size)

    def open_part(self, start: int, length: int) -> FilePart:
        """Open `length` bytes from `start`, which are not verified. Raises what open_part() raises."""
        return open_part(self.store, self.key, start=start, length=length, size=self.size)


def open_part(storage: Storage, key: str, *, start: int, length: int, size: int) -> FilePart:
    """Open `length` bytes of a key from `start`, at least one, and transfer no others.

    Raises NotReady if the store is down, the key is missing, or its file has another size than `size`.
    """
    with request("open"), _missing_as_not_ready(key):
        if isinstance(storage, FileSystemStorage):
            file = storage.open(key, "rb").file
            actual_size = os.fstat(file.fileno()).st_size
            file.seek(start)
        else:
            client, span = storage.connection.meta.client, f"bytes={start}-{start + length - 1}"
            response = client.get_object(Bucket=storage.bucket_name, Key=key, Range=span)
            file = response["Body"]
            actual_size = int(response["ContentRange"].rpartition("/")[2])
    if actual_size != size:
        file.close()
        logger.error("object store: %s has %s bytes instead of %s", key, actual_size, size)
        raise NotReady(
            "The stored file has changed since it was saved. Ask an operator to restore it.",
            code="storage_changed",
        )
    return FilePart(file, length)


@contextlib.contextmanager
def _missing_as_not_ready(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(key) from error
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            raise _missing(key) from error
        raise


def copy(storage: Storage, source: str, target: str) -> None:
    """Copy a key to a new one, inside the store if it can. Raises NotReady, after which nothing points to `target`."""
    if isinstance(storage, FileSystemStorage):
        with open_file(storage, source) as file:
            save(storage, target, file)
        return
    with request("copy"), _missing_as_not_ready(source):
        client, bucket = storage.connection.meta.client, storage.bucket_name
        client.copy({"Bucket": bucket, "Key": source}, bucket, target, Config=storage.transfer_config)


def share(storage: Storage, source: str, target: str) -> None:
    """Like copy(), by a hard link on a local disk: stored files are never written to again."""
    if isinstance(storage, FileSystemStorage):
        with contextlib.suppress(OSError):  # no hard links, or the file is missing
            os.makedirs(os.path.dirname(storage.path(target)), exist_ok=True)
            os.link(storage.path(source), storage.path(target))
            return
    copy(storage, source, target)


def _missing(key: str) -> NotReady:
    logger.error("object store: %s is missing", key)
    return NotReady(
        "A file of this dataset or model is missing from the object store. Ask an operator to restore it.",
        code="storage_missing",
    )


def discard(storage: Storage, key: str) -> bool:
    """Delete a key that nothing refers to; False if the store is down: an orphan stays, which only wastes space."""
    try:
        with request("delete"):
            storage.delete(key)
    except NotReady:
        logger.warning("object store: %s could not be deleted and stays as an orphan", key)
        return False
    return True


def check(storage: Storage) -> None:
    """Raise NotReady unless the bucket or folder exists and responds."""
    with request("check"):
        if isinstance(storage, FileSystemStorage):
            os.listdir(storage.location)
        else:
            storage.connection.meta.client.head_bucket(Bucket=storage.bucket_name)


def _make_private(folder: str) -> None:
    """Take all access from others than the owner. The folder comes last: if it is private, so is all that is in it."""
    if not os.stat(folder).st_mode & 0o077:
        return
    with contextlib.suppress(PermissionError):  # the folder of another user, whose group may have access
        for root, folders, files in os.walk(folder):
            for names, mode in ((folders, 0o700), (files, 0o600)):
                for name in names:
                    os.chmod(os.path.join(root, name), mode)
        os.chmod(folder, 0o700)


def prepare(storage: Storage) -> bool:
    """Create the bucket or folder if it is missing; returns whether it was. Only its owner can read a folder."""
    with faults_as_not_ready():
        if isinstance(storage, FileSystemStorage):
            missing = not os.path.isdir(storage.location)
            os.makedirs(storage.location, mode=0o700, exist_ok=True)
            _make_private(storage.location)
            return missing
        client = storage.connection.meta.client
        try:
            client.head_bucket(Bucket=storage.bucket_name)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            region = client.meta.region_name
            options = {}
            if region and region != "us-east-1":
                options["CreateBucketConfiguration"] = {"LocationConstraint": region}
            client.create_bucket(Bucket=storage.bucket_name, **options)
            return True
        return False
