"""What people write about a dataset: its description and its tags."""

import contextlib
from collections.abc import Iterable, Iterator

from django.db import transaction

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from mlplatform.metadata import tags as tagging


def edit(
    dataset: Dataset, *, description: str | None = None, tags: Iterable[str] | None = None, by
) -> Dataset:
    """Replace the description, in Markdown, and the tags of a dataset; None leaves them as they are.

    Raises ValidationError for a tag that cannot be one, and NotFound if the dataset was deleted meanwhile.
    """
    permissions.check(by, "upload")
    with _locked(dataset) as locked:
        if description is not None:
            locked.description = description.replace("\r\n", "\n").strip()
            locked.save(update_fields=["description"])
        if tags is not None:
            tagging.assign(locked, tagging.normalize(tags))
    return locked


def change_tags(dataset: Dataset, *, add: Iterable[str] = (), remove: Iterable[str] = (), by) -> None:
    """Add and remove tags of a dataset. Raises what edit() raises."""
    permissions.check(by, "upload")
    with _locked(dataset) as locked:
        tagging.assign(locked, tagging.changed(locked, add=add, remove=remove))


@contextlib.contextmanager
def _locked(dataset: Dataset) -> Iterator[Dataset]:
    with transaction.atomic():
        locked = Dataset.objects.select_for_update(no_key=True).filter(pk=dataset.pk).first()
        if locked is None:
            raise NotFound(f"No dataset is named `{dataset.name}`.", code="dataset_not_found")
        yield locked
