"""What the catalog refers to in the object store, and what becomes of a row whose file is lost."""

from collections.abc import Iterator
from functools import partial

from catalog.models import Dataset, DatasetVersion, Draft
from mlplatform.resilience.doctor import Reference

MADE = {"sample_key": {}, "table_key": {"table_sha256": "", "table_size_bytes": 0}}  # from the uploaded file


def references() -> Iterator[Reference]:
    versions = DatasetVersion.objects.select_related("dataset").only(
        "key", *MADE, "number", "dataset__name", "dataset_id"
    )
    for version in versions:
        yield Reference(version.key, str(version), partial(_delete, version))
        for field, fields in MADE.items():
            if key := getattr(version, field):
                rows = DatasetVersion.objects.filter(pk=version.pk)
                yield Reference(key, f"{version}, {field}", partial(rows.update, **{field: ""} | fields))
    for draft in Draft.objects.stored().only("key", "filename"):
        yield Reference(draft.key, str(draft), draft.delete)


def folders() -> Iterator[str]:
    """Those of drafts: their files may be being written now."""
    return (draft.folder for draft in Draft.objects.only("key"))


def _delete(version: DatasetVersion) -> None:
    """Raises ProtectedError if models depend on it."""
    version.delete()
    Dataset.objects.filter(pk=version.dataset_id, versions=None).delete()
