"""Bytes in and out of the object store, counted, with its faults as one expected failure.

Keys are written once and never reused, so a reader can never see half of one file and half of another.
"""

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from mlplatform.errors import NotReady
from mlplatform.metrics import Counter
from mlplatform.resilience import circuit_breaker

logger = logging.getLogger(__name__)
requests = Counter("mlmp_storage_requests_total", "Requests to the object store", ["operation", "result"])
TIMEOUT_S = 2  # a request that fails after this long was not refused: the store did not answer


def datasets() -> Storage:
    return storages["datasets"]


def models() -> Storage:
    return storages["models"]


def unique_folder(dataset_name: str) -> str:
    """A folder that nobody else writes to, so that two writers of one file name cannot meet."""
    return f"{dataset_name}/{secrets.token_hex(6)}"


@contextlib.contextmanager
def faults_as_not_ready() -> Iterator[None]:
    """Turn whatever a storage back end raises into NotReady (503)."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        logger.warning("object store: %s", error)
        raise _away() from error


def _away() -> NotReady:
    return NotReady(
        "The object store does not answer. Nothing was changed; try again in a moment.",
        code="storage_unavailable",
    )


@contextlib.contextmanager
def _asking(operation: str) -> Iterator[None]:
    """One request to the store, counted as ok, missing or failed; skipped while the circuit breaker is open."""
    if not circuit_breaker.store.allows_request():
        requests.labels(operation, "skipped").inc()
        raise _away()
    start, result = time.monotonic(), "failed"
    try:
        with faults_as_not_ready():
            yield
        result = "ok"
    except NotReady as error:
        result = "missing" if error.code == "storage_missing" else result
        raise
    finally:
        is_timeout = result == "failed" and time.monotonic() - start >= TIMEOUT_S
        circuit_breaker.store.record(is_timeout=is_timeout)
        requests.labels(operation, result).inc()


def save(storage: Storage, key: str, content: IO[bytes]) -> None:
    """Write one new key. Raises NotReady, after which nothing points to the key."""
    with _asking("save"):
        if isinstance(storage, FileSystemStorage):
            os.listdir(
                storage.location
            )  # a folder that is gone is a disk that is away: not made anew under it
        content.seek(0)
        try:
            storage.save(key, File(content))
        except OSError:
            if isinstance(storage, FileSystemStorage):  # half a file would keep a full disk full
                with contextlib.suppress(OSError):
                    storage.delete(key)
            raise


def open_file(storage: Storage, key: str) -> IO[bytes]:
    """Open a key as a seekable binary file. Raises NotReady when the store is down or the bytes are gone."""
    with _asking("open"), _missing_as_not_ready(key):
        return storage.open(key, "rb").file  # on S3 this is where the bytes arrive, in a spooled file


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
    with _asking("copy"), _missing_as_not_ready(source):
        client, bucket = storage.connection.meta.client, storage.bucket_name
        client.copy({"Bucket": bucket, "Key": source}, bucket, target, Config=storage.transfer_config)


def _missing(key: str) -> NotReady:
    logger.error("object store: %s is gone", key)
    return NotReady(
        "The file of this entry is missing in the object store. Ask an operator to restore it.",
        code="storage_missing",
    )


def discard(storage: Storage, key: str) -> None:
    """Delete a key that nothing points to any more. A store that is down leaves an orphan: waste, not harm."""
    try:
        with _asking("delete"):
            storage.delete(key)
    except NotReady:
        logger.warning("object store: %s could not be deleted and stays as an orphan", key)


def check(storage: Storage) -> None:
    """Raise NotReady unless the bucket (or folder) is there and answers."""
    with _asking("check"):
        if isinstance(storage, FileSystemStorage):
            os.listdir(storage.location)
        else:
            storage.connection.meta.client.head_bucket(Bucket=storage.bucket_name)


def prepare(storage: Storage) -> bool:
    """Create the bucket (or folder) where it is missing; True when it was."""
    with faults_as_not_ready():
        if isinstance(storage, FileSystemStorage):
            missing = not os.path.isdir(storage.location)
            os.makedirs(storage.location, exist_ok=True)
            return missing
        client = storage.connection.meta.client
        try:
            client.head_bucket(Bucket=storage.bucket_name)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            region = client.meta.region_name
            place = {"LocationConstraint": region} if region and region != "us-east-1" else None
            client.create_bucket(
                Bucket=storage.bucket_name, **({"CreateBucketConfiguration": place} if place else {})
            )
            return True
        return False
