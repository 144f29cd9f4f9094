"""The page of the release history."""

from django.shortcuts import render

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.lists.pagination import requested_page
from registry.models import Release, Stage
from registry.releases import timeline
from registry.releases.filters import ReleaseFilter


@permissions.page(query=ReleaseFilter.page_parameters())
def release_list(request):
    release_filter = ReleaseFilter(request.GET, Release.objects.for_list().with_live())
    page = requested_page(request, release_filter.qs)
    chosen = getattr(release_filter.form, "cleaned_data", {})  # without an invalid name
    dataset = Dataset.objects.filter(name=name).first() if (name := chosen.get("dataset")) else None
    at, drawn = chosen.get("at"), None
    if dataset:
        drawn = timeline.of_dataset(dataset, at=at)
    elif page:
        drawn = timeline.of_stage(Stage(chosen.get("environment") or Stage.PRODUCTION), at=at)
    context = {"filter": release_filter, "page": page, "dataset": dataset, "at": at, "timeline": drawn}
    return render(request, "registry/releases.html", context)
