"""The pages of an upload: the file, the receipt on which every guess about it can be corrected, and its end."""

import json

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from catalog.exploration import pictures
from catalog.exploration.comparison import models_that_do_not_fit
from catalog.imports import confirmation, drafts, receipts
from catalog.imports.changes import of_draft
from catalog.models import Dataset, Draft, ImportJob
from catalog.names import normalize_name
from catalog.readers.corrections import merged
from catalog.receipt import display
from catalog.receipt.forms import ReceiptForm, UploadForm
from mlplatform import json_parser
from mlplatform.auth import permissions
from mlplatform.errors import NotFound, status_of, status_of_form

DATASET_EXISTS = "This name is taken. Select this to add the file as the next version, or enter another name."
NO_TABLES = ("binary_file", "corrupt_file", "empty_file")  # no correction can help
ADDED, MAX_ADDED = "added_drafts", 20  # in the session: the page that each became
MAX_MOVED = 100  # columns on the page of changes
OF_ONE_FILE = ("skip", "skip_below", "footer", "member")  # corrections that the next file may not need
KEPT = ("name", "description", "new_version", "find")  # when the file is read again


@permissions.page("upload", query=("name",), fields=None)
def upload(request):
    """Store a file as a draft, whose receipt is the next page."""
    if name := request.GET.get("name", ""):
        name = Dataset.objects.named(name).name
    is_submitted = request.method == "POST"
    form = UploadForm(request.POST, request.FILES) if is_submitted else UploadForm()
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            draft = drafts.store_draft(file, filename=file.name, by=request.user, name=name)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(url_of(draft, name))
    status = status_of_form(form) if form.errors else 200
    return render(request, "catalog/upload.html", {"form": form, "name": name}, status=status)


def url_of(draft: Draft, name: str = "") -> str:
    """The page of its receipt; `name` is that of the dataset that it is a new version of."""
    query = f"?{urlencode({'name': name})}" if name else ""
    return reverse("catalog:receipt", args=[draft.pk]) + query


@require_POST
@permissions.page("upload")
def read_differently(request, name, version):
    """The receipt of the stored bytes of a version, of which the next version can be made."""
    chosen = Dataset.objects.named(name).version(version)
    return redirect(url_of(drafts.draft_of_version(chosen, by=request.user), chosen.dataset.name))


@permissions.page("upload", query=("name",), fields=None)
def receipt(request, pk):
    """What was understood of a file. A POST reads it again with the corrections of the form, or adds it."""
    try:
        draft = Draft.objects.of_user(pk, user=request.user)
    except NotFound:  # the back button, or a second tab
        if address := request.session.get(ADDED, {}).get(str(pk)):
            messages.info(request, "This file was added before.")
            return redirect(address)
        raise
    if request.method != "POST":
        return first_receipt(request, draft)
    form = form_of(draft, data=request.POST)
    if not form.is_valid():
        return render_receipt(request, draft, form, status=422)
    try:
        read_again(request, draft, requested_corrections(request, form))
    except ValidationError as error:
        form.add_recipe_error(error)
        return render_receipt(request, draft, form, status=status_of_form(form))
    # htmx sends the button that was clicked last with the next reading too.
    if "add" in request.POST and "read" not in request.POST:
        return add(request, draft, form)
    initial = {name: form.cleaned_data[name] for name in KEPT}
    return render_receipt(request, draft, form_of(draft, initial=initial))


def read_again(request, draft, corrections: dict) -> None:
    """Read the file with these corrections, without those of columns that it has not with another delimiter."""
    try:
        receipts.receipt_of(draft, corrections)
    except ValidationError as error:
        of_columns = getattr(error, "error_dict", {}).get("columns", [])
        is_file_changed = corrections | {"columns": []} != draft.corrections | {"columns": []}
        if not is_file_changed or "unknown_column" not in [one.code for one in of_columns]:
            raise
        receipts.receipt_of(draft, {name: value for name, value in corrections.items() if name != "columns"})
        messages.info(
            request, "Read like this, the file has other columns. What was set for columns was dropped."
        )


def requested_corrections(request, form) -> dict:
    """Those of the form, with those of the finding's choice that was made, if any. Raises ValidationError."""
    corrections = form.to_corrections()
    if not (choice := request.POST.get("correct")):
        return corrections
    return merged(corrections, json_parser.loads(choice.encode()))


def first_receipt(request, draft):
    name, error = request.GET.get("name", ""), None
    try:
        receipts.receipt_of(draft)
    except ValidationError as failure:
        error = failure
    initial = {"name": name or default_name(draft), "new_version": bool(name)}
    failed = draft.import_jobs.finished().first()
    return render_receipt(request, draft, form_of(draft, initial=initial), error=error, failed_import=failed)


def default_name(draft) -> str:
    try:
        return normalize_name(draft.filename)
    except ValidationError:
        return ""


def form_of(draft, **options) -> ReceiptForm:
    return ReceiptForm(recipe=(draft.receipt or {}).get("recipe"), corrections=draft.corrections, **options)


def render_receipt(request, draft, form, *, error=None, failed_import=None, status=200):
    context = {"draft": draft, "draft_url": url_of(draft), "form": form, "failed_import": failed_import}
    is_hopeless = getattr(error, "code", None) in NO_TABLES
    if error:
        is_choice = getattr(error, "code", None) == "several_files"
        title = "Choose a file in the archive" if is_choice else "The file cannot be read"
        context |= {"error": error.messages[0], "error_title": title, "is_hopeless": is_hopeless}
    if draft.receipt:
        members = draft.receipt.get("members")
        context |= display.of_receipt(draft.receipt, form) | version_changes(draft, form)
    else:
        beginning = {} if is_hopeless else beginning_of(draft)
        members = beginning.get("members")
        context["lines"] = display.lines(beginning.get("lines", []), draft.corrections)
    if members:
        form.offer_members(members)
    return render(request, "catalog/receipt.html", context, status=status)


def beginning_of(draft) -> dict:
    """The first lines of a file that cannot be read, and the tables of an archive; empty if not even those."""
    try:
        return receipts.beginning_of(draft)
    except ValidationError:
        return {}


def version_changes(draft, form) -> dict:
    """What the file changes of the dataset that has the name in the form; empty for a new dataset."""
    try:
        latest = Dataset.objects.named(form["name"].value() or "").version()
    except ValidationError:
        return {}
    form["new_version"].label = f"Add as version {latest.number + 1} of {latest.dataset.name}"
    columns = draft.receipt["columns"]
    before = {name: value for name, value in latest.corrections.items() if name not in OF_ONE_FILE}
    is_read_alike = merged(draft.corrections, before) == draft.corrections
    return {
        "latest": latest,
        "as_before": None if is_read_alike else json.dumps(before),
        "changes": display.changes(columns, latest.columns),
        "unfit_models": models_that_do_not_fit(latest, columns),
        "changes_url": f"{reverse('catalog:changes', args=[draft.pk])}?{urlencode({'name': latest.dataset.name})}",
    }


@permissions.page("upload", query=("name",))
def changes(request, pk):
    """How a file changes the dataset of this name: a page, and the part of the receipt that loads by itself."""
    draft = Draft.objects.of_user(pk, user=request.user)
    before, found, error = Dataset.objects.named(request.GET.get("name", "")).version(), None, None
    try:
        receipts.receipt_of(draft)
        found = of_draft(draft, before)
    except ValidationError as failure:
        error = failure
    moved = [pictures.moved(one) for one in found["distributions"][:MAX_MOVED]] if found else []
    context = {
        "draft": draft,
        "receipt_url": url_of(draft, before.dataset.name),
        "changes_url": request.get_full_path(),
        "before": before,
        "found": found,
        "moved": moved,
        "has_moved": [one for one in moved if one["effect"] not in ("none", "unclear")],
        "error": error and error.messages[0],
    }
    if request.htmx:
        return render(request, "catalog/_changed_distributions.html", context)
    return render(request, "catalog/changes.html", context, status=status_of(error) if error else 200)


def add(request, draft, form):
    fields = {name: form.cleaned_data[name] for name in ("name", "description", "new_version")}
    try:
        added = confirmation.confirm(draft, by=request.user, **fields)
    except ValidationError as error:
        code = getattr(error, "code", None)
        if code == "dataset_exists":  # its sentence names the field of the API
            form.add_error("new_version", DATASET_EXISTS)
        else:
            form.add_error("name" if code == "bad_name" else None, error)
        return render_receipt(request, draft, form, status=status_of_form(form))
    if isinstance(added, ImportJob):
        address = reverse("catalog:import", args=[added.pk])
    else:
        version, is_new = added
        outcome = "was added" if is_new else "already exists with the same bytes"
        messages.success(request, f"Version {version.number} of {version.dataset.name} {outcome}.")
        address = reverse("catalog:dataset", args=[version.dataset.name])
    before = list(request.session.get(ADDED, {}).items())[1 - MAX_ADDED :]
    request.session[ADDED] = dict(before) | {str(draft.pk): address}
    return redirect(address)


@require_POST
@permissions.page("upload")
def discard(request, pk):
    draft = Draft.objects.of_user(pk, user=request.user)
    drafts.discard(draft)
    messages.success(request, f"{draft.filename} was discarded.")
    return redirect("catalog:upload")
