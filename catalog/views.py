"""The pages of the catalog."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog import display, examples
from catalog.discovery import lineage, metadata
from catalog.exploration import columns
from catalog.filters import DatasetFilter
from catalog.forms import MetadataForm
from catalog.imports import upload as operations
from catalog.models import Dataset, DatasetVersion, ImportJob
from catalog.receipt import display as receipt
from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound
from mlplatform.lists import saved_filters
from mlplatform.lists.pagination import requested_page
from mlplatform.metadata import favourites
from mlplatform.validation.forms import integer

PAGE_SIZE = 25  # rows with descriptions and tags are tall, and the server draws them slowly


@permissions.page(query=DatasetFilter.page_parameters(), fields=saved_filters.FIELDS)
def dataset_list(request):
    if request.method == "POST":
        return saved_filters.handle(request)
    filtered = DatasetFilter(request.GET, DatasetVersion.objects.newest().for_list_of(request.user))
    page = requested_page(request, filtered.qs, size=PAGE_SIZE)
    existing = set(Dataset.objects.filter(name__in=examples.EXAMPLES).values_list("name", flat=True))
    available = {name: text for name, text in examples.EXAMPLES.items() if name not in existing}
    imports = ImportJob.objects.in_progress()
    context = {
        "filter": filtered,
        "page": page,
        "saved": saved_filters.saved(request),
        "query": saved_filters.query_of(request.GET),
        "examples": available,
        "imports": imports,
    }
    return render(request, "catalog/datasets.html", context)


@require_POST
@permissions.page("upload", fields=("name",))
def add_example(request):
    name = request.POST.get("name", "")
    if name not in examples.EXAMPLES:
        raise NotFound("This example does not exist.", code="not_found")
    version = examples.add_example(name, by=request.user)
    messages.success(request, f"{version.dataset.name} was added. You can now train a model on it.")
    return redirect("catalog:dataset", name=version.dataset.name)


@permissions.page(query=("version", "ordering", "page", "column"))
def dataset(request, name):
    chosen = Dataset.objects.named(name)
    version = chosen.version(integer(request.GET, "version"))
    kinds = lineage.dependents(chosen)
    ordering, opened = request.GET.get("ordering", ""), request.GET.get("column")
    page = requested_page(request, columns.ordered(version, ordering))
    page.object_list = [columns.row(one, rows=version.row_count) for one in page.object_list]
    context = {
        "dataset": chosen,
        "is_favourite": favourites.is_favourite(chosen, request.user),
        "version": version,
        "versions": chosen.versions.for_lists(),
        "columns": page,
        "ordering": ordering,
        "column": columns.detail(version, opened) if opened else None,
        "users": columns.users_of(chosen, opened) if opened else [],
        "header": display.header(version),
        "rows": display.rows(version),
        "reading": display.reading(version),
        "findings": receipt.findings(version.findings, version.recipe),
        "derivation": version.derivation,
        "kinds": kinds,
        "lineage": lineage.rows(chosen, kinds),
    }
    return render(request, "catalog/dataset.html", context)


@require_POST
@permissions.page(fields=favourites.FIELDS)
def favourite_dataset(request, name):
    chosen = Dataset.objects.named(name)
    return favourites.handle(request, chosen, page=reverse("catalog:dataset", args=[chosen.name]))


@permissions.page("upload", fields=None)
def edit_dataset(request, name):
    chosen = Dataset.objects.named(name)
    initial = {"description": chosen.description, "tags": ", ".join(chosen.tag_names)}
    form = MetadataForm(request.POST) if request.method == "POST" else MetadataForm(initial=initial)
    if form.is_valid():
        try:
            metadata.edit(chosen, by=request.user, **form.cleaned_data)
        except NotFound:
            raise
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"The description and tags of {chosen.name} were saved.")
            return redirect("catalog:dataset", name=chosen.name)
    context = {"dataset": chosen, "form": form}
    return render(request, "catalog/edit_dataset.html", context, status=422 if form.errors else 200)


@permissions.page("delete")
def delete_dataset(request, name):
    """Confirm, then delete."""
    chosen = Dataset.objects.named(name)
    error = None
    if request.method == "POST":
        try:
            operations.delete_dataset(chosen, by=request.user)
        except Conflict as failure:
            error = failure.messages[0]
        else:
            messages.success(request, f"{chosen.name} was deleted.")
            return redirect("catalog:datasets")
    context = {"dataset": chosen, "version_count": chosen.versions.count(), "error": error}
    return render(request, "catalog/delete_dataset.html", context, status=409 if error else 200)
