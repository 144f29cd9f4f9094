"""Confirm a draft: read all of its file, and add it to the catalog."""

from collections.abc import Callable

from django.core.exceptions import ValidationError

from catalog.imports import drafts, ingestion, registration
from catalog.imports.ingestion import Ingested, Source
from catalog.models import DatasetVersion, Draft
from catalog.names import normalize_name
from mlplatform.auth import permissions
from mlplatform.errors import NotReady, as_expected


def confirm(
    draft: Draft,
    *,
    name: str = "",
    description: str = "",
    new_version: bool = False,
    example: str = "",
    by,
    ingest: Callable[[Source], Ingested] = ingestion.in_child,
) -> tuple[DatasetVersion, bool]:
    """Add the file of a draft to the catalog. Returns its version and whether it is new.

    The name defaults to that of the file. The same bytes are the version that is already there; adding to an existing
    dataset requires `new_version`.

    Raises ValidationError if the file cannot be read as a table, Conflict if the name is taken, and NotReady; the draft
    is then still there, to be corrected or discarded.
    """
    permissions.check(by, "upload")
    name = normalize_name(name or draft.filename)
    if version := registration.existing(name, draft.sha256, new_version=new_version):
        drafts.discard(draft)
        return version, False
    source = Source.of(draft)
    fields = {"description": description, "new_version": new_version, "example": example, "by": by}
    try:
        version, is_new = registration.register(draft, ingest(source), name=name, **fields)
    except Exception as error:
        error = as_expected(error)
        if isinstance(error, ValidationError) and not isinstance(error, NotReady):
            source.discard_outputs()
        raise
    if not is_new:
        source.discard_outputs()
        drafts.discard(draft)
    return version, is_new
