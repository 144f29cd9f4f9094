"""The stored files of dataset versions: the uploaded bytes, the typed copy and the sample."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import IO

import pandas as pd
import pyarrow as pa

from catalog.models import DatasetVersion
from catalog.objects import table
from catalog.profiling import clean_csv
from catalog.profiling import sample as sampling
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers import spreadsheet, tables
from mlplatform import hashing, storage
from mlplatform.errors import Conflict, NotFound, NotReady


def open_version(version: DatasetVersion) -> IO[bytes]:
    """The uploaded file, after a check of its SHA-256.

    Raises Conflict for a version by reference, NotReady if it differs from the upload, if it is missing, or if the
    object store does not respond, and NotFound if the version was deleted meanwhile.
    """
    check_uploaded(version)
    return _open_verified(version, version.key, version.sha256)


def check_uploaded(version: DatasetVersion) -> None:
    """Raise Conflict for a version by reference."""
    if version.uri:
        raise Conflict(
            f"The files of {version} are not stored here: it is registered by reference and lies at `{version.uri}`. "
            "Download it as CSV, or make a dataset of it by SQL.",
            code="by_reference",
        )


def open_table(version: DatasetVersion, *, columns: Sequence[str] | None = None) -> IO[bytes]:
    """The typed copy of a version that has one; of a version by reference a temporary one, of these columns only.

    Raises what open_version() raises, and for a version by reference what Reference.batches() raises.
    """
    if reference := table.of(version):
        return reference.copy(columns)
    return _open_verified(version, version.table_key, version.table_sha256)


def open_rows(version: DatasetVersion, *, columns: Sequence[str] | None = None) -> IO[bytes]:
    """What read_rows() reads of these columns: the typed copy, or else the stored file. Raises what they raise."""
    return open_table(version, columns=columns) if version.has_table else open_version(version)


def read_frame(version: DatasetVersion, *, columns: Sequence[str]) -> pd.DataFrame:
    """These columns of all rows: from the typed copy, in narrow types, or as `tables.read` if there is none.

    Raises what open_version() raises.
    """
    with open_rows(version, columns=columns) as file:
        return read_rows(version, file, columns=columns)


def read_rows(version: DatasetVersion, file: IO[bytes], *, columns: Sequence[str]) -> pd.DataFrame:
    """As read_frame(), of what open_rows() has opened."""
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    if not version.has_table:
        return tables.read(file, recipe, columns=columns)
    by_name = {column.name: column for column in recipe.columns}
    categories = [
        one["name"]
        for one in version.profile
        if one["type"] == "text" and _is_repetitive(one) and one["name"] in columns
    ]
    return TypedCopy(file, categories=categories).read([by_name[name] for name in columns])


def _is_repetitive(profile: dict) -> bool:
    """Whether codes and a list of the distinct texts are smaller than the texts."""
    return profile["distinct"] is not None and 2 * profile["distinct"] < profile["count"]


def _open_verified(version: DatasetVersion, key: str, expected: str) -> IO[bytes]:
    file = _open(version, key)
    with storage.faults_as_not_ready():
        sha256 = hashing.sha256(file)
        file.seek(0)
    if sha256 != expected:
        file.close()
        raise NotReady(
            f"The stored file of {version} has changed since it was uploaded. Restore it from a backup, or "
            "upload it again under another name.",
            code="dataset_changed",
        )
    return file


def for_spreadsheet(version: DatasetVersion) -> Iterator[bytes]:
    """The file as CSV without formulas. Raises what open_version() raises, and ValidationError unless it is CSV."""
    spreadsheet.check(version.format)
    if version.uri:
        return as_csv(version, for_spreadsheet=True)
    return spreadsheet.blocks(open_version(version), tables.ParseRecipe.from_dict(version.recipe))


def uploaded(version: DatasetVersion) -> storage.StoredFile:
    """The uploaded file, for a download. Raises Conflict for a version by reference."""
    check_uploaded(version)
    return storage.StoredFile(
        store=storage.datasets(),
        key=version.key,
        size=version.size_bytes,
        etag=version.sha256,
        filename=version.filename,
        open_verified=lambda: open_version(version),
    )


def typed_copy(version: DatasetVersion) -> storage.StoredFile:
    """The typed copy, for a download. Raises NotReady for a version without one, and Conflict for one by reference."""
    check_uploaded(version)
    require_typed_copy(version)
    return storage.StoredFile(
        store=storage.datasets(),
        key=version.table_key,
        size=version.table_size_bytes,
        etag=version.table_sha256,
        filename=f"{version.dataset.name}.parquet",
        open_verified=lambda: open_table(version),
    )


def require_typed_copy(version: DatasetVersion) -> None:
    """Raise NotReady for a version that was uploaded before there were typed copies."""
    if not version.has_table:
        raise NotReady(
            f"The table of version {version.number} has not been prepared since the upgrade. "
            "Ask an operator to run `manage.py typed_copies`.",
            code="no_typed_copy",
        )


def as_csv(version: DatasetVersion, *, for_spreadsheet: bool = False) -> Iterator[bytes]:
    """All rows as clean CSV: UTF-8, commas, decimal points, ISO dates, and nothing where a value is missing.

    For spreadsheets without formulas. Raises what open_version() raises.
    """
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    if reference := table.of(version):
        source = reference.batches()
        file, batches = closing(source), _started(source)
    elif version.table_key:
        file = open_table(version)
        batches = TypedCopy(file).batches(recipe.names)
    else:
        file = open_version(version)
        batches = tables.typed_batches(file, recipe)
    return clean_csv.blocks(file, batches, recipe.columns, for_spreadsheet=for_spreadsheet)


def _started(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same, after the first one was read: an error that it raises is not one in the middle of a response."""
    first = next(batches)
    return (batch for part in ([first], batches) for batch in part)


def sample_file(version: DatasetVersion) -> bytes:
    """At most 500 rows of a version as a Parquet file: its sample, or its first rows if it was stored without one.

    Raises NotReady if the object store does not respond, and NotFound if the version was deleted meanwhile.
    """
    if version.sample_key:
        with _open(version, version.sample_key) as file, storage.faults_as_not_ready():
            return file.read()
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    if reference := table.of(version):
        first = reference.slice(0, sampling.ROWS, recipe.names)
        return sampling.to_parquet(first).getvalue()
    with _open(version, version.key) as file:
        batches = tables.typed_batches(file, recipe, rows=sampling.ROWS)
        with closing(batches):
            first = pa.Table.from_batches([next(batches)])
    return sampling.to_parquet(first).getvalue()


def _open(version: DatasetVersion, key: str) -> IO[bytes]:
    try:
        return storage.open_file(storage.datasets(), key)
    except NotReady as error:
        if error.code == "storage_missing" and not DatasetVersion.objects.filter(pk=version.pk).exists():
            raise NotFound(f"{version} was deleted in the meantime.", code="dataset_not_found") from error
        raise


def discard(*versions: DatasetVersion) -> None:
    """Delete the files of versions that are not in the database any more."""
    for version in versions:
        for key in version.keys:
            storage.discard(storage.datasets(), key)
