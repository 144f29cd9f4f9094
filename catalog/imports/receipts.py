"""The receipt of a draft: what is understood of its first 4 MB, for its user to check before it is in the catalog."""

import io
import logging
from collections.abc import Iterator
from typing import IO

from django.core.exceptions import ValidationError

from catalog.imports import drafts, ingestion
from catalog.models import Draft
from catalog.profiling import receipt
from catalog.readers import detection, encodings
from catalog.readers.corrections import Corrections
from mlplatform import storage
from mlplatform.errors import NotReady
from mlplatform.jobs.children import calls

logger = logging.getLogger(__name__)
TIMEOUT_S = 20  # most take 0.3 s
MEMORY_MB = 512
# Of a compressed file, they decompress to the 4 MB that a receipt reads.
STORED_BYTES = 2 * detection.HEAD_BYTES
MAX_TRIES = 1000

turns = calls.Turns(at_once=2, wait_s=30, purpose="read the file", busy="reading other files")


def receipt_of(draft: Draft, corrections: dict | None = None) -> dict:
    """The receipt of a draft with the corrections of its recipe, which are kept with it; None: those it has.

    It has what profiling.receipt.Receipt has, and `is_estimate`: whether `rows` was estimated from the first 4 MB. A
    child process reads it. Raises ValidationError for any fault in what was read, by field for a wrong correction.
    """
    if corrections is None:
        if draft.receipt is not None:
            return draft.receipt
        corrections = draft.corrections
    arguments = {
        "key": draft.key, "size": draft.size_bytes, "filename": draft.filename, "corrections": corrections
    }  # fmt: skip
    with turns.child(f"{__name__}.run", **arguments) as child:
        try:
            found = calls.result(child, TIMEOUT_S)
        except calls.ChildDied as death:
            logger.error("the receipt of %s ended with %s: %s", draft.key, death, child.log)
            raise ingestion.died(death) from death
    if found is None:
        raise NotReady(
            f"Reading the beginning of the file exceeded its {TIMEOUT_S}-second limit. Try again when the server is "
            "less busy.",
            code="receipt_timeout",
        )
    draft.corrections, draft.receipt = corrections, found
    draft.save(update_fields=["corrections", "receipt"])
    return found


def inspect(file: IO[bytes], *, filename: str, corrections: dict, by) -> dict:
    """The receipt of an uploaded file, of which nothing is kept. Raises what store_draft() and receipt_of() raise."""
    draft = drafts.store_draft(file, filename=filename, by=by)
    try:
        return receipt_of(draft, corrections)
    finally:
        drafts.discard(draft)


def run(*, key: str, size: int, filename: str, corrections: dict) -> Iterator[dict]:
    """What the child process runs."""
    answers = (_of_stored(key, size, filename, corrections) for _ in range(1))  # not before the limit
    yield from calls.results(answers, memory_mb=MEMORY_MB, out_of_memory=ingestion.out_of_memory(MEMORY_MB))


def _of_stored(key, size, filename, corrections):
    store, found = storage.datasets(), None
    with storage.open_beginning(store, key, length=STORED_BYTES, size=size) as beginning:
        is_archive = detection.compression_of(beginning.read(8)) == "zip"  # its directory is at its end
        if not is_archive and (found := _of_beginning(beginning, size, filename, corrections)):
            return found
    with storage.open_file(store, key) as file:
        found = _of_beginning(file, size, filename, corrections) if is_archive else None
        return found or read(file, filename, corrections)


def _of_beginning(file: IO[bytes], size: int, filename: str, corrections: dict) -> dict | None:
    """The receipt of a text file by its first 4 MB; None if they cannot be read without the rest."""
    head = detection.read_head(file, filename, corrections=Corrections.from_dict(corrections))
    if b"\0" in head.content[: detection.CONTROL_BYTES] and not encodings.is_utf16(head.content):
        return None
    if head.is_whole_file:
        return read(file, filename, corrections)
    part = whole_records(head.content)
    share = (file.tell() if head.compression else len(head.content)) / size
    try:
        found = read(io.BytesIO(part), filename, corrections)
    except ValidationError:  # its records may not end with lines; a fault in it is found again at once
        return None
    found["recipe"]["compression"] = head.compression
    rows = found["rows"] * len(head.content) / len(part) / min(share, 1)
    return found | {"rows": round(rows), "is_estimate": True}


def read(file: IO[bytes], filename: str, corrections: dict) -> dict:
    """The receipt of a whole file, in this process."""
    found = receipt.inspect(file, filename, Corrections.from_dict(corrections))
    return found.to_dict() | {"is_estimate": False}


def whole_records(content: bytes) -> bytes:
    """The content up to the last line break that is not in quotes."""
    wide = encodings.is_utf16(content)
    mark, step = (b"\n\0" if content.startswith(b"\xff\xfe") else b"\0\n", 2) if wide else (b"\n", 1)
    end, quotes = len(content), content.count(b'"')
    for _ in range(MAX_TRIES):
        place = content.rfind(mark, 0, end)
        if place < 0:
            break
        quotes -= content.count(b'"', place, end)
        end = place
        if quotes % 2 == 0 and place % step == 0:
            return content[: place + step]
    last = content.rfind(mark)
    return content if last < 0 else content[: last + step]
