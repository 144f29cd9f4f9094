"""What an object store holds, whatever the database says."""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from django.core.files.storage import FileSystemStorage, Storage

from mlplatform import storage
from mlplatform.errors import NotReady

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A stored file, or a part of one whose upload has not ended: then `upload_id` is set, or the file is `partial`."""

    key: str
    size: int
    modified_at: datetime
    upload_id: str = ""


def files(store: Storage, folder: str = "") -> Iterator[Entry]:
    """The files of a store, or of a folder in it. Raises NotReady."""
    with storage.faults_as_not_ready():
        if isinstance(store, FileSystemStorage):
            yield from _local_files(Path(store.location), folder)
            return
        pages = store.connection.meta.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=store.bucket_name, Prefix=f"{folder}/" if folder else ""):
            for found in page.get("Contents", []):
                yield Entry(found["Key"], found["Size"], found["LastModified"])


def _local_files(root: Path, folder: str) -> Iterator[Entry]:
    for path, _, names in os.walk(root / folder):
        for name in names:
            file = Path(path, name)
            try:
                facts = file.stat()
            except FileNotFoundError:
                continue
            modified_at = datetime.fromtimestamp(facts.st_mtime, UTC)
            yield Entry(file.relative_to(root).as_posix(), facts.st_size, modified_at)


def unfinished_uploads(store: Storage, folder: str = "") -> Iterator[Entry]:
    """Uploads in parts that were neither completed nor aborted: they take space, and are no files yet."""
    if isinstance(store, FileSystemStorage):
        return
    with storage.faults_as_not_ready():
        pages = store.connection.meta.client.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=store.bucket_name, Prefix=f"{folder}/" if folder else ""):
            for found in page.get("Uploads", []):
                yield Entry(found["Key"], 0, found["Initiated"], found["UploadId"])


def abort(store: Storage, upload: Entry) -> None:
    with storage.faults_as_not_ready():
        store.connection.meta.client.abort_multipart_upload(
            Bucket=store.bucket_name, Key=upload.key, UploadId=upload.upload_id
        )


def discard_folder(store: Storage, folder: str, *, keep: frozenset[str] = frozenset()) -> bool:
    """Delete the files of a folder that nothing refers to, except `keep`. False if the store does not respond."""
    try:
        for found in list(files(store, folder)):
            if found.key not in keep and not storage.discard(store, found.key):
                return False
        for upload in list(unfinished_uploads(store, folder)):
            abort(store, upload)
    except NotReady:
        return False
    return True


def while_responding(store: Storage, items: Iterable[T]) -> Iterator[T]:
    """Yield items whose files are to be deleted, and stop if the store does not respond: the rest is left for later.

    Whoever waits for the store at each of a thousand files reaps no job for hours.
    """
    for item in items:
        try:
            storage.check(store)
        except NotReady as error:
            logger.warning("object store: files to delete stay for now: %s", error.messages[0])
            return
        yield item
