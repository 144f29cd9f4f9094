"""The pages of queries over datasets: write one with a preview, run it, run it again."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from catalog import display
from catalog.derivation import submission
from catalog.derivation.forms import PreviewForm, QueryForm
from catalog.derivation.inputs import written
from catalog.derivation.preview import Preview, preview
from catalog.models import Dataset, DatasetVersion, ImportJob
from mlplatform.auth import permissions
from mlplatform.errors import status_of, status_of_form
from mlplatform.validation.forms import integer

TABLES, TABLE_COLUMNS = 30, 50  # beside the form
OF_NAME = ("dataset_exists", "bad_name")
MAX_COLUMNS = 100  # of the preview


@permissions.page("upload", query=("dataset", "edit", "job"), fields=None)
def derive(request):
    """The form of a query: empty, of the first rows of `dataset`, or that of the dataset `edit` or the import `job`."""
    if request.method != "POST":
        return _page(request, QueryForm(initial=_initial(request.GET)))
    form = QueryForm(request.POST)
    if form.is_valid():
        try:
            submitted = submission.derive(by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("name" if getattr(error, "code", None) in OF_NAME else None, error)
        else:
            return _result(request, submitted)
    return _page(request, form, status=status_of_form(form))


def _initial(query) -> dict:
    if name := query.get("edit"):
        dataset = Dataset.objects.named(name)
        if derivation := submission.latest(dataset):
            initial = {"sql": derivation.sql, "on_new_version": derivation.on_new_version}
            return initial | {"name": dataset.name, "new_version": True}
    if number := integer(query, "job"):
        job = ImportJob.objects.select_related("derivation").numbered(number)
        if job.derivation:
            initial = {"sql": job.derivation.sql, "on_new_version": job.derivation.on_new_version}
            return initial | {"name": job.name, "new_version": job.new_version}
    if name := query.get("dataset"):
        return {"sql": f"SELECT *\nFROM {written(Dataset.objects.named(name).name)}\nLIMIT 100"}
    return {}


@require_POST
@permissions.page("upload", fields=None)
def preview_query(request):
    """What the query of the form returns: the part that htmx loads, or the page with it."""
    form = PreviewForm(request.POST)
    form.is_valid()
    found = error = None
    if "sql" in form.cleaned_data:
        try:
            found = preview(form.cleaned_data["sql"], by=request.user)
        except ValidationError as failure:
            error = failure
    elif sql_errors := form.errors.as_data().get("sql"):
        error = sql_errors[0]
    is_busy = error and status_of(error) >= 500
    context = _of_preview(found) | {
        "error": error and error.messages[0],
        "error_title": "There is no preview now" if is_busy else "The query cannot run",
    }
    if request.htmx:
        return render(request, "catalog/_query_preview.html", context)
    status = status_of(error) if error else 422 if form.errors else 200
    form.fields["name"].required = True  # for Run, as the page says
    return _page(request, form, status=status, **context)


def _of_preview(found: Preview | None) -> dict:
    if found is None:
        return {}
    header = display.header_of(found.columns[:MAX_COLUMNS])
    kinds = [column["type"] for column in found.columns]
    return {
        "preview": found,
        "header": [column | {"kind": kind} for column, kind in zip(header, kinds, strict=False)],
        "rows": [display.row_of(row, header) for row in found.rows or []],
    }


def _page(request, form, *, status=200, **context):
    tables = DatasetVersion.objects.newest().for_lists().order_by("-created_at")[:TABLES]
    columns = dict(
        DatasetVersion.objects.filter(pk__in=[one.pk for one in tables]).values_list("pk", "column_names")
    )
    listed = [(one, columns[one.pk].strip("\n").split("\n")[:TABLE_COLUMNS]) for one in tables]
    return render(request, "catalog/derive.html", {"form": form, "tables": listed} | context, status=status)


@require_POST
@permissions.page("upload", fields=("on_new_version",))
def run_again(request, name):
    """Run the query of a dataset again, or with `on_new_version` set whether it does so by itself."""
    dataset = Dataset.objects.named(name)
    wanted = {"yes": True, "no": False}.get(request.POST.get("on_new_version", ""))
    try:
        if wanted is not None:
            submission.repeat(dataset, on_new_version=wanted, by=request.user)
            how = "by itself when an input gets a new version" if wanted else "only by hand"
            messages.success(request, f"The query of {dataset.name} runs again {how}.")
            return redirect("catalog:dataset", name=dataset.name)
        submitted = submission.run_again(dataset, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("catalog:dataset", name=dataset.name)
    return _result(request, submitted)


def _result(request, submitted):
    """The page of the job, or of the version that is there already."""
    if isinstance(submitted, ImportJob):
        return redirect("catalog:import", pk=submitted.pk)
    version, _ = submitted
    name = version.dataset.name
    messages.info(request, f"The same query over the same versions is version {version.number} of {name}.")
    return redirect("catalog:dataset", name=name)
