"""The tags of model versions."""

from collections.abc import Iterable

from django.db import transaction

from mlplatform.auth import permissions
from mlplatform.metadata import tags as tagging
from registry.models import ModelVersion


def edit(version: ModelVersion, *, tags: Iterable[str], by) -> ModelVersion:
    """Replace the tags of a version. Raises what change_tags() raises."""
    return _write(version, lambda locked: tagging.normalize(tags), by=by)


def change_tags(
    version: ModelVersion, *, add: Iterable[str] = (), remove: Iterable[str] = (), by
) -> ModelVersion:
    """Add and remove tags of a version.

    Raises ValidationError for a tag that cannot be one, and NotFound if the version was deleted meanwhile.
    """
    return _write(version, lambda locked: tagging.changed(locked, add=add, remove=remove), by=by)


def _write(version: ModelVersion, names, *, by) -> ModelVersion:
    permissions.check(by, "train")
    with transaction.atomic():
        locked = ModelVersion.objects.locked(version)
        tagging.assign(locked, names(locked))
    return version
