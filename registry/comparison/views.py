"""The page that compares model versions."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from mlplatform.validation import unknown_names
from registry.comparison.overlays import overlay
from registry.comparison.side_by_side import SideBySide, chosen


@permissions.page(query=None)
def compare(request):
    unknown_names.check_query(request.GET, ["model"], lists=["model"])
    try:
        versions = chosen(request.GET.getlist("model"))
    except NotFound:
        raise
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("registry:models")
    comparison = SideBySide(versions)
    context = {"comparison": comparison}
    if comparison.have_same_target:
        context["overlay"] = overlay(versions)
    return render(request, "registry/compare.html", context)
