"""Putting datasets into the catalog and taking them out: the only writers of datasets."""

import hashlib
import json
from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError

from catalog.models import Dataset, DatasetVersion
from catalog.names import normalize_name
from catalog.profiling import sample as sampling
from catalog.readers import tables
from mlplatform import storage
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotReady, TooLarge

PREVIEW_ROWS = 20
TRIES = 5  # for the version number, when several uploads of one dataset end at once
ENDINGS = {"csv": "csv", "parquet": "parquet", "jsonl": "jsonl"}


def add_dataset(
    file: IO[bytes],
    *,
    filename: str,
    by,
    name: str = "",
    description: str = "",
    new_version: bool = False,
) -> tuple[DatasetVersion, bool]:
    """Catalog one uploaded file; the version and whether it is new.

    The same bytes again are the version that is already there. A name that is taken needs `new_version`.
    Raises ValidationError with a sentence for every file that cannot be read as a table, Conflict for a
    taken name, TooLarge, and NotReady when the object store does not answer. Bytes first, then the rows.
    """
    permissions.check(by, "upload")
    name = normalize_name(name or filename)
    size = _size(file)
    if size > settings.MAX_UPLOAD_MB * 1024**2:
        raise TooLarge(f"A file may have {settings.MAX_UPLOAD_MB} MB at most.", code="too_large")
    sha256 = _sha256(file)
    if known := _same_bytes(name, sha256):
        return known, False
    _refuse_taken(name, new_version)
    inspection = tables.inspect(file, filename)
    recipe = inspection.recipe
    ending = ENDINGS[recipe.format] + (".gz" if recipe.compression == "gzip" else "")
    folder = storage.unique_folder(name)
    version = DatasetVersion(
        original_filename=filename[-255:],
        key=f"{folder}/{name}.{ending}",
        sample_key=f"{folder}/{name}.sample.parquet",
        recipe=recipe.to_dict(),
        profile=inspection.profile,
        preview=_preview(file, recipe),
        format=recipe.format,
        row_count=inspection.rows,
        column_count=len(recipe.columns),
        size_bytes=size,
        sha256=sha256,
        created_by=by,
    )
    sample = sampling.to_parquet(inspection.sample, recipe.columns)
    try:
        storage.save(storage.datasets(), version.sample_key, sample)
        storage.save(storage.datasets(), version.key, file)
        return _register(version, name=name, description=description, new_version=new_version)
    except NotReady:
        raise  # a clean-up would only wait for the same store once more; what is there is waste, not harm
    except ValidationError:  # anything else may have been committed, and its bytes must stay
        _discard(version)
        raise


def _discard(*versions: DatasetVersion) -> None:
    for version in versions:
        for key in version.keys:
            storage.discard(storage.datasets(), key)


def _preview(file: IO[bytes], recipe: tables.ParseRecipe) -> list[list]:
    """The first rows as JSON: kept with the version, so that a page never has to fetch the file."""
    frame = tables.read(file, recipe, limit=PREVIEW_ROWS)
    return json.loads(frame.to_json(orient="values", date_format="iso", date_unit="s"))


def _size(file: IO[bytes]) -> int:
    return file.seek(0, 2) or file.tell()  # some file objects answer None


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()


def _same_bytes(name: str, sha256: str) -> DatasetVersion | None:
    versions = DatasetVersion.objects.select_related("dataset", "created_by")
    return versions.filter(dataset__name=name, sha256=sha256).first()


def _refuse_taken(name: str, new_version: bool) -> None:
    if not new_version and Dataset.objects.filter(name=name).exists():
        raise Conflict(
            f"There is a dataset `{name}` already. Add this file as its next version (new_version=true), "
            "or give another name.",
            code="dataset_exists",
        )


def _register(
    version: DatasetVersion, *, name: str, description: str, new_version: bool
) -> tuple[DatasetVersion, bool]:
    """Write the rows; a writer that was faster is found by the constraints, and the rules are asked again."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                dataset, is_new = Dataset.objects.get_or_create(
                    name=name, defaults={"description": description, "created_by": version.created_by}
                )
                if not is_new and description and new_version:
                    Dataset.objects.filter(pk=dataset.pk).update(description=description)
                    dataset.description = description
                if not is_new and not new_version:
                    raise IntegrityError("the name was taken meanwhile")
                highest = dataset.versions.aggregate(highest=Max("number"))["highest"] or 0
                version.dataset, version.number = dataset, highest + 1
                version.save(force_insert=True)
            return version, True
        except IntegrityError:
            if known := _same_bytes(name, version.sha256):
                _discard(version)
                return known, False
            _refuse_taken(name, new_version)
            version.pk = None
    raise Conflict("Several files were added to this dataset at once. Send this one again.", code="busy")


def open_version(version: DatasetVersion) -> IO[bytes]:
    """The stored file, checked to be the bytes that were uploaded.

    Raises NotReady when one bit differs, when they are gone, or when the object store does not answer.
    """
    file = storage.open_file(storage.datasets(), version.key)
    with storage.faults_as_not_ready():
        sha256 = _sha256(file)
        file.seek(0)
    if sha256 != version.sha256:
        file.close()
        raise NotReady(
            f"The file of {version} is refused: its bytes are not those that were uploaded. Restore it from a "
            "backup, or upload it again under another name.",
            code="dataset_changed",
        )
    return file


def delete_dataset(dataset: Dataset, *, by) -> None:
    """Delete a dataset, its versions and their bytes. Raises Conflict naming the models that depend on it."""
    permissions.check(by, "delete")
    versions = list(dataset.versions.only("key", "sample_key"))
    try:
        with transaction.atomic():
            dataset.delete()
    except (ProtectedError, IntegrityError) as error:
        names = [str(model) for model in list(getattr(error, "protected_objects", []))]
        listed = ", ".join(sorted(names)[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        raise Conflict(
            f"`{dataset.name}` cannot be deleted while models depend on it: {listed or 'a new one'}. "
            "Delete them first.",
            code="dataset_in_use",
        ) from error
    _discard(*versions)
