"""Register a file that was read as a dataset version: the rules about names and bytes, and the rows."""

from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.db.models import Max

from catalog.imports.ingestion import Ingested
from catalog.models import DRAFT_GONE, Dataset, DatasetVersion, Draft
from catalog.readers.recipe import ParseRecipe
from mlplatform.errors import Conflict, NotFound
from mlplatform.idempotency import keys as idempotency_keys

MAX_ATTEMPTS = 5  # to assign a version number while other uploads to the dataset finish


def existing(name: str, sha256: str, *, corrections: dict, new_version: bool) -> DatasetVersion | None:
    """The version of this dataset with the same bytes and corrections of its recipe, before the bytes are read.

    Raises Conflict if the name is taken by other bytes.
    """
    is_taken, versions = _versions(name, sha256)
    if is_taken and not versions and not new_version:
        raise name_taken(name)
    return next((version for version in versions if version.corrections == corrections), None)


def _same(name: str, version: DatasetVersion, *, new_version: bool) -> DatasetVersion | None:
    """The version of this dataset with the same bytes and recipe. Raises Conflict if the name is taken by others."""
    is_taken, versions = _versions(name, version.sha256)
    same = next((one for one in versions if one.recipe_digest == version.recipe_digest), None)
    if is_taken and not same and not new_version:
        raise name_taken(name)
    return same


def _versions(name: str, sha256: str) -> tuple[bool, list[DatasetVersion]]:
    """Whether the name is taken, and the versions of the dataset with these bytes.

    The name is looked up before the bytes: in the reverse order, a concurrent upload of the same bytes that is
    committed between the two look-ups would seem to be a different dataset with this name.
    """
    is_taken = Dataset.objects.filter(name=name).exists()
    versions = DatasetVersion.objects.select_related("dataset", "created_by")
    return is_taken, list(versions.filter(dataset__name=name, sha256=sha256))


def name_taken(name: str, *, what: str = "this file") -> Conflict:
    return Conflict(
        f"A dataset named `{name}` already exists. Add {what} as a new version (new_version=true), or "
        "choose another name.",
        code="dataset_exists",
    )


def register(
    draft: Draft,
    ingested: Ingested,
    *,
    name: str,
    description: str = "",
    new_version: bool = False,
    example: str = "",
    by,
    finish: Callable[[DatasetVersion], None] = idempotency_keys.attach,
) -> tuple[DatasetVersion, bool]:
    """Make a draft that was read a version of the dataset `name`. Returns the version and whether it is new.

    In the same transaction, the draft is deleted and `finish` is called. If a concurrent upload violates a constraint,
    the rules are applied again. Raises Conflict, and NotFound if the draft was discarded meanwhile.
    """
    version = _version(draft, ingested, example=example, by=by)
    for _ in range(MAX_ATTEMPTS):
        try:
            with transaction.atomic():
                _write(version, draft, name=name, description=description, new_version=new_version)
                finish(version)
            return version, True
        except IntegrityError:
            if same := _same(name, version, new_version=new_version):
                return same, False
            version.pk = None
    raise Conflict("Several files were added to this dataset at the same time. Upload again.", code="busy")


def _version(draft: Draft, ingested: Ingested, *, example: str, by) -> DatasetVersion:
    """The unsaved version; _write() sets its dataset and number."""
    recipe = ingested.recipe
    return DatasetVersion(
        original_filename=draft.filename,
        key=draft.key,
        uri=draft.uri,
        sample_key=ingested.sample_key,
        table_key=ingested.table_key,
        table_sha256=ingested.table_sha256,
        table_size_bytes=ingested.table_size_bytes,
        recipe=recipe,
        recipe_digest=ParseRecipe.from_dict(recipe).digest,
        corrections=draft.corrections,
        findings=ingested.findings,
        profile=ingested.profile,
        warnings=ingested.warnings,
        preview=ingested.preview,
        format=recipe["format"],
        row_count=ingested.rows,
        column_count=len(recipe["columns"]),
        size_bytes=draft.size_bytes,
        sha256=draft.sha256,
        example=example,
        created_by=by,
    )


def _write(version: DatasetVersion, draft: Draft, *, name: str, description: str, new_version: bool) -> None:
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
    if not Draft.objects.filter(pk=draft.pk).delete()[1].get(Draft._meta.label):
        raise NotFound(DRAFT_GONE, code="draft_not_found")
