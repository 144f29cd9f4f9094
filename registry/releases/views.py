"""The page of the release history."""

from django.shortcuts import render

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.pagination import requested_page
from registry.models import Release
from registry.releases import timeline
from registry.releases.filters import ReleaseFilter


@permissions.page(query=ReleaseFilter.page_parameters())
def release_list(request):
    release_filter = ReleaseFilter(request.GET, Release.objects.for_list())
    page = requested_page(request, release_filter.qs)
    chosen = getattr(release_filter.form, "cleaned_data", {}).get("dataset")  # none of an invalid name
    dataset = Dataset.objects.filter(name=chosen).first() if chosen else None
    context = {
        "filter": release_filter,
        "page": page,
        "dataset": dataset,
        "timeline": dataset and timeline.of_dataset(dataset),
    }
    return render(request, "registry/releases.html", context)
