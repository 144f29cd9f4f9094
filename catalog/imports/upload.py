"""Add datasets to the catalog and delete them. All changes of datasets go through this module."""

from typing import IO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError, Sum

from catalog import files
from catalog.models import Dataset, DatasetVersion
from catalog.names import normalize_name
from catalog.profiling import inspection, sample
from catalog.readers import tables
from catalog.readers.formats import COMPRESSIONS, stored_extension
from mlplatform import storage
from mlplatform.auth import permissions, quota
from mlplatform.errors import Conflict, DiskFull, NotFound, NotReady, TooLarge, as_expected
from mlplatform.hashing import HashingFile

MAX_ATTEMPTS = 5  # to assign a version number while other uploads to the dataset finish
MB = 1024**2


def add_dataset(
    file: IO[bytes],
    *,
    filename: str,
    by,
    name: str = "",
    description: str = "",
    new_version: bool = False,
    example: str = "",
) -> tuple[DatasetVersion, bool]:
    """Add an uploaded file to the catalog. Returns its version and whether it is new.

    Uploading the same bytes again returns the existing version. Adding to an existing dataset requires
    `new_version`. `example` names the example of scikit-learn that the file contains. Bytes are stored before rows are
    written.

    Raises ValidationError if the file cannot be read as a table, Conflict if the name is taken, TooLarge, and NotReady
    if the object store does not respond, or as its DiskFull.
    """
    permissions.check(by, "upload")
    name = normalize_name(name or filename)
    size = _checked_size(file)
    storage.require_space(storage.datasets(), size)
    hashing_file = HashingFile(file)
    reading = tables.detect(hashing_file, filename)
    sha256 = hashing_file.sha256()
    if existing := _existing(name, sha256, new_version=new_version):
        return existing, False
    quota.check(by, size)
    inspected = inspection.profile(file, reading.recipe, reading.rows)
    version = _new_version(inspected, name=name, filename=filename, size=size, sha256=sha256, by=by)
    version.example = example
    try:
        sample_file = sample.to_parquet(inspected.sample, reading.recipe.columns)
        storage.save(storage.datasets(), version.sample_key, sample_file)
        storage.save(storage.datasets(), version.key, file)
        return _register(version, name=name, description=description, new_version=new_version)
    except Exception as error:
        error = as_expected(error)
        # Deleting would wait for the same store again; orphans are waste, not harm. After an error that nobody
        # expects, the rows can be committed already: keep their files.
        if isinstance(error, DiskFull) or (
            isinstance(error, ValidationError) and not isinstance(error, NotReady)
        ):
            files.discard(version)
        raise


def stored_bytes(user) -> int:
    """The size of the files that a user has uploaded."""
    return user.dataset_versions.aggregate(size=Sum("size_bytes"))["size"] or 0


def _checked_size(file: IO[bytes]) -> int:
    size = file.seek(0, 2) or file.tell()  # some file objects return None
    if size > settings.MAX_UPLOAD_MB * MB:
        raise TooLarge(
            f"The file is {-(-size // MB)} MB; the limit is {settings.MAX_UPLOAD_MB} MB.", code="too_large"
        )
    return size


def _new_version(
    inspected: inspection.Inspection, *, name: str, filename: str, size: int, sha256: str, by
) -> DatasetVersion:
    """The unsaved version, with keys that no other upload uses; `_register` sets its dataset and number."""
    folder, recipe = storage.unique_folder(name), inspected.recipe
    return DatasetVersion(
        original_filename=filename[-255:],
        key=f"{folder}/{name}.{_extension(filename, recipe)}",
        sample_key=f"{folder}/{name}.sample.parquet",
        recipe=recipe.to_dict(),
        profile=inspected.profile,
        preview=inspected.preview,
        format=recipe.format,
        row_count=inspected.rows,
        column_count=len(recipe.columns),
        size_bytes=size,
        sha256=sha256,
        created_by=by,
    )


def _extension(filename: str, recipe: tables.ParseRecipe) -> str:
    extension = stored_extension(filename, recipe.format)
    return f"{extension}.{COMPRESSIONS[recipe.compression]}" if recipe.compression else extension


def _existing(name: str, sha256: str, *, new_version: bool) -> DatasetVersion | None:
    """The version of this dataset with the same bytes. Raises Conflict if the name is taken by other bytes.

    The name is looked up before the bytes: in the reverse order, a concurrent upload of the same bytes that is
    committed between the two look-ups would seem to be a different dataset with this name.
    """
    is_taken = Dataset.objects.filter(name=name).exists()
    versions = DatasetVersion.objects.select_related("dataset", "created_by")
    existing = versions.filter(dataset__name=name, sha256=sha256).first()
    if is_taken and not existing and not new_version:
        raise Conflict(
            f"A dataset named `{name}` already exists. Add this file as a new version (new_version=true), or "
            "choose another name.",
            code="dataset_exists",
        )
    return existing


def _register(
    version: DatasetVersion, *, name: str, description: str, new_version: bool
) -> tuple[DatasetVersion, bool]:
    """Write the rows. If a concurrent upload violates a constraint, apply the rules again and retry."""
    for _ in range(MAX_ATTEMPTS):
        try:
            with transaction.atomic():
                # Locked: uploads to one dataset are numbered one after the other, and it cannot be deleted meanwhile.
                dataset, is_new = Dataset.objects.select_for_update(no_key=True).get_or_create(
                    name=name, defaults={"description": description, "created_by": version.created_by}
                )
                if not is_new and description and new_version:
                    Dataset.objects.filter(pk=dataset.pk).update(description=description)
                    dataset.description = description
                if not is_new and not new_version:
                    raise IntegrityError("the name was taken by a concurrent upload")
                highest = dataset.versions.aggregate(highest=Max("number"))["highest"] or 0
                version.dataset, version.number = dataset, highest + 1
                version.save(force_insert=True)
            return version, True
        except IntegrityError:
            if existing := _existing(name, version.sha256, new_version=new_version):
                files.discard(version)
                return existing, False
            version.pk = None
    raise Conflict("Several files were added to this dataset at the same time. Upload again.", code="busy")


def delete_dataset(dataset: Dataset, *, by) -> None:
    """Delete a dataset, its versions and their files.

    Raises Conflict if models were trained on it, and NotFound if it was deleted meanwhile.
    """
    permissions.check(by, "delete")
    try:
        with transaction.atomic():
            locked = Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
            if locked is None:
                raise NotFound(f"No dataset is named `{dataset.name}`.", code="dataset_not_found")
            versions = list(locked.versions.only("key", "sample_key"))
            locked.delete()
    except (ProtectedError, IntegrityError) as error:
        models = sorted(getattr(error, "protected_objects", []), key=lambda model: model.pk)
        names = [str(model) for model in models]
        listed = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        raise Conflict(
            f"`{dataset.name}` cannot be deleted because models depend on it: {listed or 'a new one'}. "
            "Delete the models first.",
            code="dataset_in_use",
        ) from error
    files.discard(*versions)
