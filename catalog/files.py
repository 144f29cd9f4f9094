"""The stored files of dataset versions: the uploaded bytes and the sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import pandas as pd

from catalog.models import DatasetVersion
from catalog.profiling import sample as sampling
from catalog.readers import tables
from mlplatform import hashing, storage
from mlplatform.errors import NotFound, NotReady


@dataclass(frozen=True)
class Sample:
    """At most 500 rows of a version, in the order and with the dtypes of its file."""

    frame: pd.DataFrame
    is_whole: bool  # whether these are all rows


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


def read_sample(version: DatasetVersion, *, columns: Sequence[str] | None = None) -> Sample:
    """The sample of a version; for a version that was stored without one, its first 500 rows.

    `columns` selects and orders the columns. Raises NotReady if the object store does not respond, and NotFound if the
    version was deleted meanwhile.
    """
    recipe = tables.ParseRecipe.from_dict(version.recipe)
    if version.sample_key:
        recipe = tables.ParseRecipe("parquet", columns=recipe.columns)
    with _open(version, version.sample_key or version.key) as file:
        frame = tables.read(file, recipe, columns=columns, limit=sampling.ROWS)
    return Sample(frame, is_whole=len(frame) == version.row_count)


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
