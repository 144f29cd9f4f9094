"""The pages for the datasets that are selected in a list."""

from django.urls import reverse

from catalog.discovery import metadata
from catalog.imports import upload
from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.lists import selection

NOUN = "dataset"


def _selected(request) -> list[Dataset]:
    return Dataset.objects.selected(selection.names(request, "dataset"))


@permissions.page("upload", query=None, fields=None)
def tag_datasets(request):
    page = reverse("catalog:datasets")
    return selection.edit_tags(request, _selected(request), change=metadata.change_tags, noun=NOUN, page=page)


@permissions.page("delete", query=None)
def delete_datasets(request):
    datasets, page = _selected(request), reverse("catalog:datasets")
    refusals = upload.refusals(datasets)
    deletions = [selection.Deletion(one, refusal=refusals.get(one.pk, "")) for one in datasets]
    return selection.delete(request, deletions, operation=upload.delete_dataset, noun=NOUN, page=page)
