"""The pages for the datasets that are selected in a list."""

from django.urls import reverse

from catalog.discovery import metadata
from catalog.imports import upload
from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.lists import selection

NOUN = "dataset"


def _selection(request) -> selection.Selection:
    return selection.of_request(request, "dataset", page=reverse("catalog:datasets"))


@permissions.page("upload", query=None, fields=None)
def tag_datasets(request):
    chosen = _selection(request)
    datasets = Dataset.objects.selected(chosen.names)
    return selection.edit_tags(request, datasets, change=metadata.change_tags, noun=NOUN, selection=chosen)


@permissions.page("delete", query=None)
def delete_datasets(request):
    chosen = _selection(request)
    datasets = Dataset.objects.selected(chosen.names)
    refusals = upload.refusals(datasets)
    deletions = [selection.Deletion(one, refusal=refusals.get(one.pk, "")) for one in datasets]
    return selection.delete(request, deletions, operation=upload.delete_dataset, noun=NOUN, selection=chosen)
