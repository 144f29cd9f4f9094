"""The typed copies of dataset versions, opened to read parts of them, and made for versions that have none."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from django.core.files.storage import FileSystemStorage, Storage

from catalog import files
from catalog.models import DatasetVersion
from catalog.objects import table
from catalog.objects.ranged_file import RangedFile
from catalog.objects.table import Reference
from catalog.profiling import sample
from catalog.profiling.ingest import ingest
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers import tables
from mlplatform import storage

BUFFER = 1024**2


class StoredParts(RangedFile):
    """A stored file. Its parts are not verified."""

    def __init__(self, store: Storage, key: str, size: int):
        super().__init__(size)
        self._store, self._key = store, key

    def part(self, start: int, length: int) -> bytes:
        file = storage.open_part(self._store, self._key, start=start, length=length, size=self._size)
        with contextlib.closing(file), storage.faults_as_not_ready():
            return file.read()


@dataclass(frozen=True)
class StoredCopy:
    """Where the typed copy of a version is: all that a child process needs to know."""

    key: str
    size: int
    reference: Reference | None = None

    @classmethod
    def of(cls, version: DatasetVersion) -> "StoredCopy":
        """Raises NotReady if the version has no copy."""
        files.require_typed_copy(version)
        return cls(version.table_key, version.table_size_bytes, table.of(version))

    def slice(self, start: int, rows: int, names: Sequence[str]) -> pa.Table:
        """Up to `rows` rows from a position, of these columns. Raises what opened() raises."""
        if self.reference:
            return self.reference.slice(start, rows, names)
        with self.opened() as copy:
            return copy.slice(start, rows, names)

    @contextlib.contextmanager
    def opened(self, columns: Sequence[str] | None = None) -> Iterator[TypedCopy]:
        """The copy, of which only the parts that are needed are read; of a version by reference a temporary one, of
        these columns only.

        Raises NotReady if the store does not respond, and what Reference.copy() raises.
        """
        if self.reference:
            with self.reference.copy(columns) as file:
                yield TypedCopy(file)
            return
        store = storage.datasets()
        is_local = isinstance(store, FileSystemStorage)
        file = storage.open_file(store, self.key) if is_local else StoredParts(store, self.key, self.size)
        with file if is_local else io.BufferedReader(file, BUFFER) as buffered:
            yield TypedCopy(buffered)


def add_copy(version: DatasetVersion) -> None:
    """Write the typed copy and the profile of a version that was uploaded before there were any."""
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    folder = storage.unique_folder(version.dataset.name)
    keys = [f"{folder}/{version.dataset.name}.{ending}.parquet" for ending in ("table", "sample")]
    with files.open_version(version) as file, tempfile.TemporaryFile() as copy:
        content = ingest(file, recipe, copy=copy)
        storage.save(storage.datasets(), keys[0], copy)
    storage.save(storage.datasets(), keys[1], sample.to_parquet(content.sample))
    former = version.sample_key
    updated = DatasetVersion.objects.filter(pk=version.pk, table_key="").update(
        table_key=keys[0],
        sample_key=keys[1],
        table_sha256=content.sha256,
        table_size_bytes=content.size,
        profile=content.profile,
        warnings=[warning.to_dict() for warning in content.warnings],
    )
    for key in [former] if updated else keys:
        if key:
            storage.discard(storage.datasets(), key)
