"""The files of a location, listed and read as they were when they were registered.

They are the users' own: nothing here writes to them or deletes them. The credentials are those of the object store.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.objects.location import Location, invalid
from catalog.objects.ranged_file import RangedFile
from mlplatform import storage
from mlplatform.errors import Conflict, NotReady, StorageForbidden

MAX_OBJECTS = 10_000  # of a table
MAX_LISTED = 20_000  # in the folder, before the rest of the pattern is compared
# Control characters, and bytes that are not UTF-8.
NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Object:
    """A file: its `etag` changes with its content. That of a local file is its time and its place on the disk."""

    key: str
    size: int
    etag: str


def list_objects(location: Location) -> list[Object]:
    """The files of a location in the order of their keys.

    Raises ValidationError for the field `uri` if there are too many or no such bucket, and NotReady.
    """
    listed = _listed_s3(location) if location.scheme == "s3" else _listed_local(location)
    found = []
    for count, one in enumerate(listed, 1):
        if count > MAX_LISTED:
            raise invalid(
                f"More than {MAX_LISTED:,} objects start with `{location.uri_of(location.beginning)}`. Name a longer "
                "beginning, or put the files of the table into a folder of their own.",
                code="too_many_objects",
            )
        if one and location.matches(one.key):
            _check_name(location, one.key)
            found.append(one)
    if len(found) > MAX_OBJECTS:
        raise invalid(
            f"`{location}` has {len(found):,} objects; the limit is {MAX_OBJECTS:,}. Register fewer, larger files.",
            code="too_many_objects",
        )
    return sorted(found, key=lambda one: one.key)


def _check_name(location: Location, key: str) -> None:
    """A database takes neither surrogates nor NUL, and a sentence should not have control characters."""
    if NOT_TEXT.search(key):
        raise invalid(
            f"The name of the file {ascii(key)[:200]} at `{location}` has a control character or is not UTF-8. "
            "Rename it.",
            code="bad_file_name",
        )


def open_object(
    location: Location, one: Object, *, on_read: Callable[[int], None] | None = None
) -> "ObjectFile":
    """A file as it was listed, to be read in parts; `on_read` is called with the bytes of each.

    Reading raises Conflict if it has changed, and NotReady.
    """
    kind = S3File if location.scheme == "s3" else LocalFile
    return kind(location, one, on_read)


def changed(location: Location, key: str, what: str) -> Conflict:
    return Conflict(
        f"`{location.uri_of(key)}` {what} since it was registered. Register the dataset again to make it the next "
        "version.",
        code="object_changed",
    )


class ObjectFile(RangedFile):
    """A file at a location, as it was listed."""

    def __init__(self, location: Location, one: Object, on_read: Callable[[int], None] | None):
        super().__init__(one.size)
        self.location, self.object, self._on_read = location, one, on_read

    def part(self, start: int, length: int) -> bytes:
        block = self.read_part(start, length)
        if len(block) != length:
            raise changed(self.location, self.object.key, "has changed")
        if self._on_read:
            self._on_read(length)
        return block

    def read_part(self, start: int, length: int) -> bytes:
        raise NotImplementedError


class S3File(ObjectFile):
    def read_part(self, start: int, length: int) -> bytes:
        location, key, etag = self.location, self.object.key, self.object.etag
        with _refusals(location, key), storage.request("open"):
            response = _client().get_object(
                Bucket=location.bucket,
                Key=key,
                Range=f"bytes={start}-{start + length - 1}",
                IfMatch=f'"{etag}"',
            )
            block = response["Body"].read()
        if response["ETag"].strip('"') != etag:  # of a store that does not know the condition
            raise changed(location, key, "has changed")
        return block


def _client():
    return storage.datasets().connection.meta.client


@contextlib.contextmanager
def _refusals(location: Location, key: str | None = None) -> Iterator[None]:
    """Has a sentence for each answer of S3 that refuses a request, about a key or the whole location."""
    try:
        yield
    except NotReady as error:
        response = getattr(error.__cause__, "response", None) or {}
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        what = location.uri_of(key) if key else str(location)
        if status == 403:
            raise StorageForbidden(
                f"The credentials of the platform do not allow it to {'read' if key else 'list'} `{what}`. Ask an "
                "operator to grant this.",
                code="storage_forbidden",
            ) from error
        if key and status in {404, 412, 416}:
            raise changed(location, key, "is missing" if status == 404 else "has changed") from error
        if not key and 300 <= status < 500 and status != 429:
            code = response.get("Error", {}).get("Code", "")
            reason = f"No bucket is named `{location.bucket}`" if status == 404 else f"It answers {code[:50]}"
            raise invalid(f"The object store cannot list `{what}`. {reason}.", code="cannot_list") from error
        raise


def _listed_s3(location: Location) -> list[Object | None]:
    """None stands for a folder beside the files, which takes its place in the answers of S3 too."""
    found: list[Object | None] = []
    with _refusals(location), storage.request("list"):
        pages = (
            _client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=location.bucket, Prefix=location.beginning, Delimiter="/")
        )
        for page in pages:
            found += [None] * len(page.get("CommonPrefixes", []))
            found += [
                Object(one["Key"], one["Size"], one["ETag"].strip('"')) for one in page.get("Contents", [])
            ]
            if len(found) > MAX_LISTED:
                break
    return found


class LocalFile(ObjectFile):
    def read_part(self, start: int, length: int) -> bytes:
        key = self.object.key
        try:
            descriptor = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise changed(self.location, key, "is missing") from error
        except OSError as error:
            raise _unreadable(self.location.uri_of(key)) from error
        try:
            self._check(descriptor)
            with storage.faults_as_not_ready():
                block = os.pread(descriptor, length, start)
            self._check(descriptor)  # it may have been written to meanwhile
            return block
        finally:
            os.close(descriptor)

    def _check(self, descriptor: int) -> None:
        if _local(self.object.key, os.fstat(descriptor)) != self.object:
            raise changed(self.location, self.object.key, "has changed")


def _listed_local(location: Location) -> Iterator[Object | None]:
    folder = location.pattern.rpartition("/")[0] or "/"
    if os.path.realpath(folder) != folder:
        raise invalid(f"`{folder}` contains a symbolic link. Name the folder that it leads to.")
    own = os.path.realpath(settings.DATA_DIR)
    if f"{folder}/".startswith(f"{own}/"):
        raise invalid("This folder is the platform's own. Put your files into another one.")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    is_file = entry.is_file(follow_symlinks=False)
                    yield _local(entry.path, entry.stat(follow_symlinks=False)) if is_file else None
    except FileNotFoundError as error:
        raise invalid(f"The platform has no folder `{folder}`.", code="cannot_list") from error
    except OSError as error:
        raise _unreadable(str(location)) from error


def _local(path: str, facts: os.stat_result) -> Object | None:
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Object(path, facts.st_size, f"{facts.st_mtime_ns:x}-{facts.st_ino:x}")


def _unreadable(what: str) -> NotReady:
    return StorageForbidden(
        f"The platform cannot read `{what}`. Ask an operator to check its permissions.",
        code="storage_forbidden",
    )


def within(location: Location, key: str, error: ValidationError) -> ValidationError:
    """An error in the content of a file, with the address of the file."""
    return type(error)(f"`{location.uri_of(key)}`: {error.messages[0]}", code=getattr(error, "code", None))
