"""The stored files of dataset versions: the uploaded bytes and the sample."""

from collections.abc import Iterator
from typing import IO

from catalog.models import DatasetVersion
from catalog.profiling import sample as sampling
from catalog.readers import spreadsheet, tables
from mlplatform import hashing, storage
from mlplatform.errors import NotFound, NotReady


def open_version(version: DatasetVersion) -> IO[bytes]:
    """The stored file, after a check of its SHA-256.

    Raises NotReady if it differs from the upload, if it is missing, or if the object store does not respond, and
    NotFound if the version was deleted meanwhile.
    """
    file = _open(version, version.key)
    with storage.faults_as_not_ready():
        sha256 = hashing.sha256(file)
        file.seek(0)
    if sha256 != version.sha256:
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
    return spreadsheet.blocks(open_version(version), tables.ParseRecipe.from_dict(version.recipe))


def sample_file(version: DatasetVersion) -> bytes:
    """At most 500 rows of a version as a Parquet file: its sample, or its first rows if it was stored without one.

    Raises NotReady if the object store does not respond, and NotFound if the version was deleted meanwhile.
    """
    if version.sample_key:
        with _open(version, version.sample_key) as file, storage.faults_as_not_ready():
            return file.read()
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    with _open(version, version.key) as file:
        frame = tables.read(file, recipe, limit=sampling.ROWS)
    return sampling.to_parquet(frame, recipe.columns).getvalue()


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
