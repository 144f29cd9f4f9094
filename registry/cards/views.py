"""The pages of a model card."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from mlplatform.auth import permissions
from mlplatform.errors import Conflict, NotFound
from mlplatform.validation.forms import integer
from registry.cards import revisions
from registry.cards.facts import Card
from registry.cards.forms import CardForm
from registry.models import ModelVersion

MAX_REVISIONS = 50  # that the page lists


@permissions.page(query=("revision",))
def card(request, dataset, version):
    """The card, or an earlier revision of what people wrote in it."""
    model = ModelVersion.objects.numbered(dataset, version)
    revision = revisions.numbered(model, integer(request.GET, "revision"))
    listed = model.card_revisions.select_related("written_by").defer("purpose", "limits")
    context = {
        "model": model,
        "card": Card(model, revision),
        "revision": revision,
        "revisions": listed[:MAX_REVISIONS],
        "revision_count": listed.count(),
    }
    return render(request, "registry/card.html", context)


@permissions.page("train", fields=None)
def edit_card(request, dataset, version):
    """If another revision was saved in the meantime, it is shown beside the form, which keeps what was typed."""
    model = ModelVersion.objects.numbered(dataset, version)
    newest, conflict, status = revisions.current(model), "", 200
    initial = {name: getattr(newest, name) for name in revisions.TEXTS} | {"revision": newest.number}
    form = CardForm(request.POST) if request.method == "POST" else CardForm(initial=initial)
    if form.is_valid():
        try:
            revisions.save(model, by=request.user, **form.cleaned_data)
        except NotFound:
            raise
        except Conflict as error:
            conflict, status = error.messages[0], 409
            newest = revisions.current(model)
            form = CardForm(initial=form.cleaned_data | {"revision": newest.number})
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"The card of {model.dataset.name} version {model.number} was saved.")
            return redirect("registry:card", model.dataset.name, model.number)
    context = {"model": model, "form": form, "conflict": conflict, "newest": newest}
    return render(request, "registry/edit_card.html", context, status=422 if form.errors else status)
