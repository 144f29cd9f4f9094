"""The whole pass over a stored file: its recipe, rows and profile, and the files that are made from it.

In a web process it runs in a child process, within limits of time and memory; see `in_child`.
"""

import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.models import Draft, ImportJob
from catalog.objects import table
from catalog.objects.manifest import Manifest
from catalog.profiling import sample
from catalog.profiling.ingest import Content, ingest_batches, ingest_new
from catalog.readers.corrections import Corrections
from catalog.readers.recipe import Reading
from mlplatform import storage
from mlplatform.errors import NotReady, TooLarge
from mlplatform.jobs.children import calls

# The memory of an import, measured: 580 MB for 12 columns, whatever the rows, and 50 KB more for each column.
BASE_MB, COLUMN_KB = 600, 50
logger = logging.getLogger(__name__)
turns = calls.Turns(at_once=2, wait_s=30, purpose="read the file", busy="reading other files")


def import_readers() -> None:
    """Before a fork: the children find what this module imports, and DuckDB."""
    import duckdb  # noqa: F401 - starts no thread


@dataclass(frozen=True)
class Source:
    """A stored file that is to be read, and the beginning of the keys of the files that are made from it."""

    key: str
    filename: str
    corrections: dict
    prefix: str
    uri: str = ""

    @classmethod
    def of(cls, draft: Draft) -> "Source":
        prefix = f"{draft.folder}/{secrets.token_hex(3)}"  # of one attempt
        return cls(draft.key, draft.filename, draft.corrections, prefix, draft.uri)

    @property
    def sample_key(self) -> str:
        return f"{self.prefix}.sample.parquet"

    @property
    def table_key(self) -> str:
        return f"{self.prefix}.table.parquet"

    def discard_outputs(self) -> None:
        """Delete the files that were made from it."""
        for key in (self.sample_key, self.table_key):
            storage.discard(storage.datasets(), key)


@dataclass(frozen=True)
class Ingested:
    """What a dataset version says of its file: all values that JSON can hold."""

    recipe: dict
    rows: int
    findings: list[dict]
    profile: list[dict]
    warnings: list[dict]
    preview: list[list]
    sample_key: str
    table_key: str
    table_sha256: str
    table_size_bytes: int


class Progress:
    """How much of a file is read and profiled, from 0 to 1; any thread can ask."""

    PROFILED = 0.3  # the share of the profile in the time of a large file

    def __init__(self):
        self._file, self._size, self._profiled = None, 0, 0.0

    @property
    def share(self) -> float:
        read = self._file.bytes_read / max(self._size, 1) if self._file else 0
        return (1 - self.PROFILED) * min(read, 1) + self.PROFILED * self._profiled

    def opened(self, file: IO[bytes]) -> "CountingFile":
        self._size, self._profiled = file.seek(0, 2) or file.tell(), 0.0
        self._file = CountingFile(file)
        return self._file

    def opened_all(self, size: int) -> Callable[[int], None]:
        """Several files of so many bytes; the function that it returns is called with the bytes that are read."""
        self._size, self._profiled = size, 0.0
        self._file = counter = CountingFile(None)

        def count(size: int) -> None:
            counter.bytes_read += size

        return count

    def profiled(self, share: float) -> None:
        self._profiled = share


class CountingFile:
    """A file that counts the bytes that are read from it."""

    def __init__(self, file: IO[bytes]):
        self._file, self.bytes_read = file, 0

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.bytes_read += len(block)
        return block

    def readinto(self, buffer) -> int:
        size = self._file.readinto(buffer)
        self.bytes_read += size or 0
        return size


def ingest(source: Source, progress: Progress | None = None) -> Ingested:
    """Read a file in this process. Raises ValidationError for any fault in it, and NotReady."""
    progress, store = progress or Progress(), storage.datasets()
    with storage.open_file(store, source.key) as stored, tempfile.TemporaryFile() as copy:
        read = _read_objects if source.uri else _read_file
        with storage.faults_as_not_ready():
            reading, content = read(stored, source, copy, progress)
        if not source.uri:
            storage.save(store, source.table_key, copy)
    storage.save(store, source.sample_key, sample.to_parquet(content.sample))
    return Ingested(
        recipe=reading.recipe.to_dict(),
        rows=reading.rows,
        findings=[finding.to_dict() for finding in reading.findings],
        profile=content.profile,
        warnings=[warning.to_dict() for warning in content.warnings],
        preview=content.preview,
        sample_key=source.sample_key,
        table_key="" if source.uri else source.table_key,
        table_sha256="" if source.uri else content.sha256,
        table_size_bytes=content.size,
    )


def _read_file(
    stored: IO[bytes], source: Source, copy: IO[bytes], progress: Progress
) -> tuple[Reading, Content]:
    corrections = Corrections.from_dict(source.corrections)
    file = progress.opened(stored)
    return ingest_new(file, source.filename, copy=copy, corrections=corrections, progress=progress.profiled)


def _read_objects(
    stored: IO[bytes], source: Source, copy: IO[bytes], progress: Progress
) -> tuple[Reading, Content]:
    """The same for the files of a manifest: they are read twice, and the copy is not kept."""
    manifest = Manifest.from_bytes(stored.read())
    manifest.check_current()
    on_read = progress.opened_all(2 * manifest.size)
    reading = table.detect(manifest, on_read=on_read)
    check_memory(len(reading.recipe.columns))
    batches = table.batches(manifest, reading.recipe, on_read=on_read)
    return reading, ingest_batches(batches, reading.recipe.columns, copy=copy, progress=progress.profiled)


def in_child(source: Source, *, wait_s: float | None = None) -> Ingested | None:
    """Like ingest(), in a child process of this one; None if that takes longer than IMPORT_INLINE_S, or `wait_s`.

    Raises TooLarge if it needs more memory than IMPORT_MEMORY_MB.
    """
    arguments = {"source": source, "memory_mb": settings.IMPORT_MEMORY_MB}
    with turns.child(f"{__name__}.run", **arguments) as child:
        try:
            answer = calls.result(child, wait_s or settings.IMPORT_INLINE_S)
        except calls.ChildDied as death:
            logger.error("reading %s ended with %s: %s", source.key, death, child.log)
            raise died(death) from death
    return None if answer is None else Ingested(**answer)


def run(*, source: Source, memory_mb: int) -> Iterator[dict]:
    """What the child process runs."""
    answers = (vars(ingest(source)) for _ in range(1))  # not before the limit
    yield from calls.results(answers, memory_mb=memory_mb, out_of_memory=out_of_memory(memory_mb))


def check_memory(columns: int) -> None:
    """Raise TooLarge if a large table of that many columns will not fit into IMPORT_MEMORY_MB."""
    expected_mb = BASE_MB + columns * COLUMN_KB // 1024
    if expected_mb > settings.IMPORT_MEMORY_MB:
        raise TooLarge(
            f"The import of {columns:,} columns needs about {expected_mb:,} MB of memory; the limit is "
            f"{settings.IMPORT_MEMORY_MB:,} MB. {ImportJob().MEMORY_HINT}",
            code="out_of_memory",
        )


def out_of_memory(memory_mb: int) -> TooLarge:
    return TooLarge(
        f"Reading the file needs more than {memory_mb:,} MB of memory. Split it into files with fewer columns, or ask "
        "an operator for more (IMPORT_MEMORY_MB).",
        code="out_of_memory",
    )


def died(death: calls.ChildDied) -> ValidationError:
    """The error for a process that did not live to report one."""
    if "SIGKILL" in str(death):
        return NotReady(
            "The process that read the file was killed, as happens when the machine runs out of memory. Try again in "
            "a moment.",
            code="process_died",
        )
    return ValidationError(
        f"The process that read the file ended with {death}, and the error has been logged. Save the table as CSV in "
        "UTF-8, and upload it again.",
        code="process_died",
    )
