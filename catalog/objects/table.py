"""A table that is registered by reference, read from its files: they are checked, and nothing of them is kept."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import IO

import numpy as np
import pyarrow as pa
from django.conf import settings
from django.core.exceptions import ValidationError

from catalog.models import DatasetVersion
from catalog.objects import objects, recipes
from catalog.objects.location import Location
from catalog.objects.manifest import Manifest
from catalog.objects.objects import Object
from catalog.profiling.typed_copy import Writer
from catalog.readers import tables
from catalog.readers.cells import column_types
from catalog.readers.recipe import ParseRecipe, Reading
from mlplatform import hashing, storage
from mlplatform.errors import Conflict, NotReady, TooLarge

MB = 1024**2
BUFFER = 4 * MB  # of a file that is read from its beginning
PART_BUFFER = MB


@dataclass(frozen=True)
class Reference:
    """A version by reference: all that a process needs to read it."""

    key: str
    sha256: str
    size: int
    recipe: dict
    label: str

    def batches(self, names: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yields these columns as typed batches.

        Raises Conflict if a file was changed, added or removed, with its name, or if its location is not allowed or not
        there any more, and NotReady.
        """
        recipe = ParseRecipe.from_dict(self.recipe)
        yield from batches(self._current(), recipe, names)

    def copy(self, names: Sequence[str] | None = None) -> IO[bytes]:
        """A temporary typed copy of these columns, of which nothing is left when it is closed. Raises what batches()
        raises, DiskFull, and TooLarge for one that outgrows MAX_UNPACKED_MB."""
        storage.require_temporary_space(self.size)
        recipe = ParseRecipe.from_dict(self.recipe)
        by_name = {column.name: column for column in recipe.columns}
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
        try:
            writer = Writer(file, [by_name[name] for name in names or recipe.names])
            try:
                with storage.faults_as_not_ready(), closing(self.batches(names)) as found:
                    for batch in found:
                        writer.write(batch)
                        _check_size(file, self.label)
            except BaseException:
                writer.abandon()
                raise
            writer.close()
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def slice(self, start: int, rows: int, names: Sequence[str]) -> pa.Table:
        """Up to `rows` rows from this position, counted from 0. Raises what batches() raises."""
        return self.take(range(start, start + rows), names)

    def take(self, positions: Sequence[int], names: Sequence[str]) -> pa.Table:
        """The rows at these ascending positions, of those that exist. Reads no file behind them, and of a Parquet file
        without one of them only the footer. Raises what batches() raises.
        """
        recipe, found, parts = ParseRecipe.from_dict(self.recipe), self._current(), []
        wanted, first = np.asarray(positions, "int64"), 0
        for one in found.objects:
            if not len(wanted):
                break
            with opened(found.location, one, buffer=PART_BUFFER) as file:
                count = tables.row_count(file, recipe)
                if count is not None and first + count <= wanted[0]:
                    first += count
                    continue
                with closing(tables.typed_batches(file, recipe, columns=names, rows=8 * 1024)) as read:
                    for batch in read:
                        inside = np.searchsorted(wanted, first + batch.num_rows)
                        parts.append(batch.take(pa.array(wanted[:inside] - first)))
                        wanted, first = wanted[inside:], first + batch.num_rows
                        if not len(wanted):
                            break
        kinds = {column.name: column_types.ARROW_TYPES[column.type] for column in recipe.columns}
        return pa.Table.from_batches(parts, pa.schema([(name, kinds[name]) for name in names]))

    def _current(self) -> Manifest:
        with storage.open_file(storage.datasets(), self.key) as file, storage.faults_as_not_ready():
            if hashing.sha256(file) != self.sha256:
                raise NotReady(
                    f"The stored manifest of {self.label} has changed. Restore it from a backup, or register the "
                    "dataset again.",
                    code="dataset_changed",
                )
            file.seek(0)
            found = Manifest.from_bytes(file.read())
        try:
            found.check_current()
        except ValidationError as error:
            if not hasattr(error, "error_dict"):
                raise
            [reason] = error.error_dict["uri"]  # which is no field of the request that reads
            raise Conflict(
                f"The files of {self.label} cannot be read. {reason.messages[0]}", code=reason.code
            ) from error
        return found


def _check_size(file: IO[bytes], label: str) -> None:
    """Many small files can decompress to more than one upload can."""
    limit = settings.MAX_UNPACKED_MB
    if file.tell() > limit * MB:
        raise TooLarge(
            f"The rows of {label} need more than {limit:,} MB as a typed copy (MAX_UNPACKED_MB). Use fewer columns, or "
            "register fewer files.",
            code="too_large",
        )


@contextlib.contextmanager
def opened(
    location: Location,
    one: Object,
    *,
    buffer: int = BUFFER,
    on_read: Callable[[int], None] | None = None,
) -> Iterator[io.BufferedReader]:
    """A file; its errors name it."""
    try:
        with io.BufferedReader(objects.open_object(location, one, on_read=on_read), buffer) as buffered:
            yield buffered
    except (NotReady, Conflict):  # these name the file already
        raise
    except ValidationError as error:
        raise objects.within(location, one.key, error) from error


def batches(
    found: Manifest,
    recipe: ParseRecipe,
    names: Sequence[str] | None = None,
    *,
    on_read: Callable[[int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yields these columns of all files of a manifest, one file after the other."""
    for one in found.objects:
        with opened(found.location, one, on_read=on_read) as file:
            yield from tables.typed_batches(file, recipe, columns=names)


def detect(found: Manifest, *, on_read: Callable[[int], None] | None = None) -> Reading:
    """The recipe of all files of a manifest, which are read once, their rows, and what was assumed of the first one.

    Raises ValidationError, with the address of the file, for any fault in one, and for one that is unlike the others.
    """
    recipe, rows, findings, files = None, 0, (), []
    for one in found.objects:
        files.append(partial(opened, found.location, one))
        with opened(found.location, one, on_read=on_read) as file:
            reading = tables.detect(file, one.key.rpartition("/")[2], rows_required=False)
            if rows:
                recipe = recipes.merged(recipe, reading, files)
            else:  # the first one with rows
                recipes.check_format(reading.recipe)
                recipes.check_names((recipe or reading.recipe).names, reading.recipe.names)
                recipe, findings = reading.recipe, reading.findings
            rows += reading.rows
    if not rows:
        raise ValidationError("The files have no data rows.", code="no_rows")
    return Reading(recipe, rows, findings)


def of(version: DatasetVersion) -> Reference | None:
    """The reference of a version that is registered by reference."""
    if not version.uri:
        return None
    return Reference(version.key, version.sha256, version.size_bytes, version.recipe, str(version))
