"""The pages for the model versions that are selected in a list."""

from django.urls import reverse

from mlplatform.auth import permissions
from mlplatform.lists import selection
from registry.discovery import metadata
from registry.models import ModelVersion
from registry.releases import deletion

NOUN = "model version"


def _selected(request) -> tuple[selection.Selection, list[ModelVersion]]:
    chosen = selection.of_request(request, "model", page=reverse("registry:models"))
    return chosen, ModelVersion.objects.with_tags().selected(chosen.names)


@permissions.page("train", query=None, fields=None)
def tag_models(request):
    chosen, versions = _selected(request)
    return selection.edit_tags(request, versions, change=metadata.change_tags, noun=NOUN, selection=chosen)


@permissions.page("delete", query=None)
def delete_models(request):
    chosen, versions = _selected(request)
    deletions = [
        selection.Deletion(one, refusal=deletion.refusal(one), effect=deletion.effect_among(one, versions))
        for one in versions
    ]
    return selection.delete(
        request, deletions, operation=deletion.delete_version, noun=NOUN, selection=chosen
    )
