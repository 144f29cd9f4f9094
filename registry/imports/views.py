"""The page that imports a model."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import NotFound, status_of_form
from registry.imports.forms import ImportForm
from registry.imports.importing import import_model


@permissions.page("train", query=("dataset", "target"), fields=None)
def import_page(request):
    """The form, filled in with the `dataset` and the `target` of its address. A POST imports the file."""
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
    else:
        form = ImportForm(initial={name: request.GET.get(name, "")[:255] for name in ("dataset", "target")})
    if form.is_valid():
        values = form.cleaned_data
        file, name, number = values.pop("file"), values.pop("dataset"), values.pop("dataset_version")
        try:
            source = Dataset.objects.named(name).version(number)
            version = import_model(file, filename=file.name, source=source, by=request.user, **values)
        except NotFound as error:
            form.add_error("dataset_version" if number else "dataset", error.messages[0])
        except ValidationError as error:
            form.add_operation_error(error)
        else:
            messages.success(
                request, f"Version {version.number} of {version.dataset.name} was {version.origin}."
            )
            return redirect("registry:model", version.dataset.name, version.number)
    return render(
        request, "registry/import.html", {"form": form}, status=status_of_form(form) if form.errors else 200
    )
