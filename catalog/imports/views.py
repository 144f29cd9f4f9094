"""The pages of import jobs."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from catalog.imports import confirmation
from catalog.models import ImportJob
from mlplatform.auth import permissions


@permissions.page()
def job(request, pk):
    """The page of an import job, whose inner part htmx reloads until it has finished. A POST cancels it."""
    job = ImportJob.objects.for_lists().numbered(pk)
    if request.method == "POST":
        try:
            confirmation.cancel(job, by=request.user)
        except ValidationError as error:
            messages.error(request, error.messages[0])
        return redirect("catalog:import", pk=pk)
    context = {"job": job, "is_mine": confirmation.may_cancel(job, request.user)}
    return render(request, "catalog/_import.html" if request.htmx else "catalog/import.html", context)


@permissions.page()
def unfinished(request):
    """The part of the list of datasets that shows the imports in progress; htmx reloads it until they have finished."""
    return render(request, "catalog/_imports.html", {"imports": ImportJob.objects.in_progress()})
