"""The receipt of a draft: what is understood of its first 4 MB, for its user to check before it is in the catalog."""

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO

from django.core.exceptions import ValidationError
from django.core.files.storage import FileSystemStorage, Storage

from catalog.imports import drafts, ingestion
from catalog.models import DRAFT_GONE, Draft
from catalog.profiling import receipt
from catalog.readers import archives, detection
from catalog.readers.corrections import Corrections, cleaned
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import NotFound, NotReady
from mlplatform.jobs.children import calls

logger = logging.getLogger(__name__)
TIMEOUT_S = 20  # most take 0.3 s
MEMORY_MB = 512
# Of a compressed file, they decompress to the 4 MB that a receipt reads.
STORED_BYTES = 2 * detection.HEAD_BYTES

turns = calls.Turns(at_once=2, wait_s=30, purpose="read the file", busy="reading other files")


def receipt_of(draft: Draft, corrections: dict | None = None) -> dict:
    """The receipt of a draft with the corrections of its recipe, which are kept with it; None: those it has.

    It has what profiling.receipt.Receipt has, and `is_estimate`: whether `rows` was estimated from the first 4 MB. A
    child process reads it. Raises ValidationError for any fault in what was read, by field for a wrong correction, and
    NotFound if the draft was added or discarded meanwhile.
    """
    if corrections is None:
        if draft.receipt is not None:
            return draft.receipt
        corrections = draft.corrections
    arguments = {
        "key": draft.key, "size": draft.size_bytes, "filename": draft.filename, "corrections": corrections
    }  # fmt: skip
    found = _in_child("run", draft.key, arguments)
    draft.corrections, draft.receipt = corrections, found
    if not Draft.objects.filter(pk=draft.pk).update(corrections=corrections, receipt=found):
        raise NotFound(DRAFT_GONE, code="draft_not_found")
    return found


def of_file(file: IO[bytes], *, filename: str, corrections: Mapping | None = None, by) -> dict:
    """The receipt of an uploaded file, of which nothing is stored. Raises what receipt_of() raises, and TooLarge."""
    permissions.check(by, "upload")
    size = drafts.check_size(file)
    corrections = cleaned(corrections or {})
    with local_path(file) as path:
        arguments = {"local_path": path, "size": size, "filename": filename, "corrections": corrections}
        return _in_child("run_local", filename, arguments)


@contextlib.contextmanager
def local_path(file: IO[bytes]) -> Iterator[str]:
    """The path at which a child process can read an uploaded file."""
    if path := getattr(file, "temporary_file_path", lambda: None)():
        yield path
        return
    with tempfile.NamedTemporaryFile() as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def _in_child(function: str, what: str, arguments: dict) -> dict:
    with turns.child(f"{__name__}.{function}", **arguments) as child:
        try:
            found = calls.result(child, TIMEOUT_S)
        except calls.ChildDied as death:
            logger.error("the receipt of %s ended with %s: %s", what, death, child.log)
            raise ingestion.died(death) from death
    if found is None:
        raise NotReady(
            f"Reading the beginning of the file exceeded its {TIMEOUT_S}-second limit. Try again when the server is "
            "less busy.",
            code="receipt_timeout",
        )
    return found


def run(*, key: str, size: int, filename: str, corrections: dict) -> Iterator[dict]:
    """What the child process runs for a stored file."""
    yield from _limited(lambda: _of_stored(key, size, filename, corrections))


def beginning_of(draft: Draft) -> dict:
    """What can be shown of a draft that cannot be read: see profiling.receipt.beginning(). A child process reads it."""
    arguments = {"key": draft.key, "filename": draft.filename, "corrections": draft.corrections}
    return _in_child("run_beginning", draft.key, arguments)


def run_beginning(*, key: str, filename: str, corrections: dict) -> Iterator[dict]:
    """What the child process runs for a stored file that cannot be read."""

    def answer():
        with storage.open_file(storage.datasets(), key) as file:
            return receipt.beginning(file, filename, Corrections.from_dict(corrections))

    yield from _limited(answer)


def run_local(*, local_path: str, size: int, filename: str, corrections: dict) -> Iterator[dict]:
    """What the child process runs for a file on this machine."""

    def answer():
        with open(local_path, "rb") as file:
            return _of_beginning(file, size, filename, corrections) or read(file, filename, corrections)

    yield from _limited(answer)


def _limited(answer: Callable[[], dict]) -> Iterator[dict]:
    answers = (answer() for _ in range(1))  # not before the limit
    yield from calls.results(answers, memory_mb=MEMORY_MB, out_of_memory=ingestion.out_of_memory(MEMORY_MB))


def _of_stored(key, size, filename, corrections):
    store, found = storage.datasets(), None
    with _open_beginning(store, key, size) as beginning:
        is_archive = detection.compression_of(beginning.read(8)) == "zip"  # its directory is at its end
        if not is_archive and (found := _of_beginning(beginning, size, filename, corrections)):
            return found
    with storage.open_file(store, key) as file:
        found = _of_beginning(file, size, filename, corrections) if is_archive else None
        return found or read(file, filename, corrections)


def column_count(draft: Draft) -> int | None:
    """The number of columns of a text file by its first 4 MB, in this process; None if they do not tell."""
    with _open_beginning(storage.datasets(), draft.key, draft.size_bytes) as beginning:
        if detection.compression_of(beginning.read(8)) == "zip":
            return None
        found = _of_beginning(beginning, draft.size_bytes, draft.filename, draft.corrections)
    return found and len(found["columns"])


def _open_beginning(store: Storage, key: str, size: int) -> IO[bytes]:
    """The stored file, or of a large one in S3 only its first bytes."""
    if isinstance(store, FileSystemStorage) or size <= STORED_BYTES:
        return storage.open_file(store, key)
    part = storage.open_part(store, key, start=0, length=STORED_BYTES, size=size)
    with contextlib.closing(part), storage.faults_as_not_ready():
        return io.BytesIO(part.read())


def _of_beginning(file: IO[bytes], size: int, filename: str, corrections: dict) -> dict | None:
    """The receipt of a text file by its first 4 MB; None if they cannot be read without the rest."""
    head = detection.read_head(file, filename, corrections=Corrections.from_dict(corrections))
    if head.is_binary:
        return None
    if head.is_whole_file:
        return read(file, filename, corrections)
    part = detection.whole_records(head.content)
    share = (file.tell() if head.compression else len(head.content)) / size
    member = corrections.get("member")
    try:
        found = read(io.BytesIO(part), head.filename, corrections | {"member": None})
    except ValidationError:  # its records may not end with lines; a fault in it is found again at once
        return None
    found["recipe"] |= {"compression": head.compression, "member": member}
    if head.compression == "zip":
        share = len(head.content) / archives.table_size(archives.chosen(file, member))
        found["members"] = archives.names(file)
    rows = found["rows"] * len(head.content) / len(part) / min(share, 1)
    return found | {"rows": round(rows), "is_estimate": True}


def read(file: IO[bytes], filename: str, corrections: dict) -> dict:
    """The receipt of a whole file, in this process."""
    found = receipt.inspect(file, filename, Corrections.from_dict(corrections))
    return found.to_dict() | {"is_estimate": False}
