"""The page that compares model versions."""

from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse

from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from mlplatform.lists import selection
from mlplatform.validation import unknown_names
from registry.comparison import predictions
from registry.comparison.overlays import overlay
from registry.comparison.side_by_side import SideBySide, chosen


@permissions.page(query=None)
def compare(request):
    """The comparison of the selected versions; from a list, it leads to an address that can be shared."""
    selected = selection.of_request(request, "model", page=reverse("registry:models"), most=None)
    try:
        versions = chosen(selected.names)
    except NotFound:
        raise
    except ValidationError as error:
        return selection.refuse(request, selected, error.messages[0])
    if "next" in request.GET:
        query = urlencode([("model", f"{one.dataset.name}/{one.number}") for one in versions], safe="/")
        return redirect(f"{request.path}?{query}")
    comparison = SideBySide(versions)
    context = {"comparison": comparison}
    if comparison.have_same_target:
        context["overlay"] = overlay(versions)
    return render(request, "registry/compare.html", context)


@permissions.page(query=None)
def compare_predictions(request):
    """Whether the second of two versions is better than the first by more than noise, and where they differ."""
    unknown_names.check_query(request.GET, ["model"], lists=["model"])
    first, second = chosen(request.GET.getlist("model"), most=2)
    context = {"model": second, "live": first, "is_pair": True}
    try:
        changed = predictions.compare(first, second)
        context |= predictions.context(changed)
    except ValidationError as error:
        context["error"] = error.messages[0]
    template = "registry/_changed_predictions.html" if request.htmx else "registry/changed_predictions.html"
    return render(request, template, context)
