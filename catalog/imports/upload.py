"""Add datasets to the catalog in one step, and delete them."""

from collections.abc import Callable, Mapping, Sequence
from typing import IO

from django.db import IntegrityError, transaction
from django.db.models import PROTECT, Count, ProtectedError, Sum

from catalog import files
from catalog.imports import confirmation, drafts, ingestion, registration
from catalog.imports.confirmation import Added
from catalog.imports.ingestion import Ingested, Source
from catalog.models import Dataset, DatasetVersion, Draft, ImportJob
from catalog.names import normalize_name
from catalog.readers.corrections import cleaned, merged
from mlplatform import hashing
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound, as_expected
from mlplatform.resilience.deletion import delete_with_new_rows


def add_dataset(
    file: IO[bytes],
    *,
    filename: str,
    by,
    name: str = "",
    description: str = "",
    new_version: bool = False,
    corrections: Mapping | None = None,
    example: str = "",
    ingest: Callable[[Source], Ingested | None] = ingestion.in_child,
) -> Added | ImportJob:
    """Add an uploaded file to the catalog. Returns its version and whether it is new, or of a large file the job.

    `corrections` are the parts of the parse recipe that its user has set, as JSON. Uploading the same bytes with the
    same recipe again returns the existing version. Adding to an existing dataset requires `new_version`. `example`
    names the example of scikit-learn that the file contains. Bytes are stored before rows are written; see confirm().

    Raises ValidationError if the file cannot be read as a table, by field for the corrections, Conflict if the name is
    taken, TooLarge, and NotReady if the object store does not respond, or as its DiskFull.
    """
    permissions.check(by, "upload")
    name = normalize_name(name or filename)
    drafts.check_size(file)
    corrections = cleaned(corrections or {})
    sha256 = hashing.sha256(file)
    if existing := registration.existing(name, sha256, corrections=corrections, new_version=new_version):
        return existing, False
    draft = drafts.store_draft(file, filename=filename, by=by, name=name, corrections=corrections)
    return _confirmed(
        draft,
        name=name,
        description=description,
        new_version=new_version,
        example=example,
        by=by,
        ingest=ingest,
    )


def _confirmed(draft: Draft, **fields) -> Added | ImportJob:
    """Confirm a draft that nobody can correct: an error discards it."""
    try:
        return confirmation.confirm(draft, keeps_draft=False, **fields)
    except Exception as error:
        drafts.discard_after(as_expected(error), draft)
        raise


def read_again(version: DatasetVersion, *, corrections: Mapping, by) -> Added | ImportJob:
    """Add the next version of a dataset from the stored bytes of this one, with these changes of its corrections.

    A change to None is detected again. Returns and raises what add_dataset() does.
    """
    permissions.check(by, "upload")
    name, corrections = version.dataset.name, cleaned(merged(version.corrections, corrections))
    if existing := registration.existing(name, version.sha256, corrections=corrections, new_version=True):
        return existing, False
    draft = drafts.draft_of_version(version, corrections=corrections, by=by)
    return _confirmed(draft, name=name, new_version=True, example=version.example, by=by)


def stored_bytes(user) -> int:
    """The size of the files that a user has uploaded."""
    sizes = [
        uploads.aggregate(size=Sum("size_bytes"))["size"]
        for uploads in (user.dataset_versions.filter(uri=""), user.drafts.uploads())
    ]
    return sum(size or 0 for size in sizes)


def refusals(datasets: Sequence[Dataset]) -> dict[int, str]:
    """Why some of these datasets cannot be deleted, by their keys: what protects them, in one query for each kind."""
    sentences = {}
    for relation in Dataset._meta.related_objects:
        if relation.on_delete is not PROTECT:
            continue
        rows = relation.related_model.objects.order_by().filter(**{f"{relation.field.name}__in": datasets})
        counts = rows.values_list(relation.field.name).annotate(count=Count("pk"))
        kind = relation.related_model._meta
        for key, count in counts:
            noun = kind.verbose_name if count == 1 else kind.verbose_name_plural
            sentences[key] = f"It is used by {count:,} {noun}. Delete what uses it first."
    return sentences


def delete_dataset(dataset: Dataset, *, by) -> None:
    """Delete a dataset, its versions and their files.

    Raises Conflict if models were trained on it, and NotFound if it was deleted meanwhile.
    """
    permissions.check(by, "delete")

    def delete() -> list[DatasetVersion]:
        with transaction.atomic():
            locked = Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
            if locked is None:
                raise NotFound(f"No dataset is named `{dataset.name}`.", code="dataset_not_found")
            versions = list(locked.versions.only("key", "table_key", "sample_key"))
            locked.delete()
        return versions

    try:
        versions = delete_with_new_rows(delete)
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
