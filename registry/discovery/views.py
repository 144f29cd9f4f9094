"""The pages for the model versions that are selected in a list."""

from django.urls import reverse

from mlplatform.auth import permissions
from mlplatform.lists import selection
from registry.discovery import metadata
from registry.models import ModelVersion
from registry.releases import deletion

NOUN = "model version"


def _selected(request) -> list[ModelVersion]:
    return ModelVersion.objects.selected(selection.names(request, "model"))


@permissions.page("train", query=None, fields=None)
def tag_models(request):
    page = reverse("registry:models")
    return selection.edit_tags(request, _selected(request), change=metadata.change_tags, noun=NOUN, page=page)


@permissions.page("delete", query=None)
def delete_models(request):
    versions, page = _selected(request), reverse("registry:models")
    deletions = [
        selection.Deletion(one, refusal=deletion.refusal(one), effect=deletion.effect_among(one, versions))
        for one in versions
    ]
    return selection.delete(request, deletions, operation=deletion.delete_version, noun=NOUN, page=page)
