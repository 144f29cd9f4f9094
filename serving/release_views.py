"""The pages that change what is live in a stage: rollback and retirement."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse

from catalog.models import Dataset
from mlplatform.auth import permissions
from registry.models import Release, Stage
from registry.releases import promotion
from registry.releases.forms import RetireForm, RollbackForm


@permissions.page("promote_staging", fields=None)
def rollback(request, dataset, environment):
    """Roll back, or ask for confirmation if a live version would be replaced."""
    if request.method != "POST":  # the address of the confirmation, opened again
        return redirect("serving:stage", dataset=dataset, environment=environment)
    dataset = Dataset.objects.named(dataset)
    form = RollbackForm(request.POST)
    if form.is_valid():
        values = form.cleaned_data
        try:
            live, target = promotion.plan_rollback(
                dataset, stage=environment, by=request.user, to_version=values["to_version"]
            )
            if live and live.number != values["expected_live"]:
                return confirm_rollback(request, live, target, values)
            release = promotion.rollback(dataset, stage=environment, by=request.user, **values)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Version {release.number} is live in {environment} again.")
    for errors in form.errors.values():
        messages.error(request, errors[0])
    return redirect("serving:stage", dataset=dataset.name, environment=environment)


def confirm_rollback(request, live: Release, target: Release, values: dict):
    context = {
        "title": f"Roll back {live.stage} to version {target.number}?",
        "number": target.number,
        "live": live,
        "form": RollbackForm.to_confirm(values | {"to_version": target.number}, live=live),
        "submit": f"Roll back {live.stage}",
        "back": reverse("serving:stage", args=[live.dataset.name, live.stage]),
    }
    return render(request, "registry/confirm_release.html", context)


@permissions.page("promote_staging", fields=None)
def retire(request, dataset, environment):
    """A GET asks for confirmation; a POST retires the stage."""
    if environment not in Stage.values:
        raise Http404(Stage.unknown(environment))
    dataset = Dataset.objects.named(dataset)
    form = RetireForm(request.POST or None)
    try:
        if form.is_valid():
            promotion.retire(dataset, stage=environment, by=request.user, **form.cleaned_data)
            messages.success(request, f"{dataset.name} was retired from {environment}.")
            return redirect("serving:stage", dataset=dataset.name, environment=environment)
        live = promotion.plan_retirement(dataset, stage=environment, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("serving:stage", dataset=dataset.name, environment=environment)
    form = form if form.is_bound else RetireForm.to_confirm({}, live=live)
    return render(request, "serving/retire.html", {"live": live, "form": form})
