"""The pages that register files by reference, and register them again."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from catalog.models import Dataset, ImportJob
from catalog.reference import submission
from catalog.reference.forms import RegisterForm
from mlplatform.auth import permissions
from mlplatform.errors import status_of_form
from mlplatform.validation.forms import integer

OF_NAME = ("dataset_exists", "bad_name")


@permissions.page("upload", query=("edit", "job"), fields=None)
def register(request):
    """The form: empty, or that of the dataset `edit` or the import `job`."""
    if request.method != "POST":
        return _page(request, RegisterForm(initial=_initial(request.GET)))
    form = RegisterForm(request.POST)
    if form.is_valid():
        try:
            registered = submission.register(by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("name" if getattr(error, "code", None) in OF_NAME else None, error)
        else:
            return _result(request, registered)
    return _page(request, form, status=status_of_form(form))


def _initial(query) -> dict:
    if name := query.get("edit"):
        latest = submission.latest_of(Dataset.objects.named(name))
        return {"uri": latest.uri, "name": latest.dataset.name, "new_version": True} if latest else {}
    if number := integer(query, "job"):
        job = ImportJob.objects.numbered(number)
        return {name: getattr(job, name) for name in ("uri", "name", "description", "new_version")}
    return {}


def _page(request, form, *, status=200):
    prefixes = settings.REGISTER_PREFIXES
    if prefixes:
        form.fields["uri"].widget.attrs["placeholder"] = f"{prefixes[0]}*.parquet"
    context = {"form": form, "prefixes": prefixes}
    return render(request, "catalog/register.html", context, status=status)


@require_POST
@permissions.page("upload", fields=())
def register_again(request, name):
    dataset = Dataset.objects.named(name)
    try:
        return _result(request, submission.register_again(dataset, by=request.user))
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("catalog:dataset", name=dataset.name)


def _result(request, registered):
    """The page of the job, or of the version that is there already."""
    if isinstance(registered, ImportJob):
        return redirect("catalog:import", pk=registered.pk)
    version, _ = registered
    messages.info(request, f"The same files are version {version.number} of {version.dataset.name}.")
    return redirect("catalog:dataset", name=version.dataset.name)
