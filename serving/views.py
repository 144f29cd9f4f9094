"""Home, and the pages of what is live."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import FileResponse, Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from catalog import examples
from catalog.models import Dataset, DatasetVersion
from mlplatform.auth import permissions
from registry import promotion
from registry.forms import RollbackForm
from registry.models import ModelVersion, Release, Stage, TrainingJob
from serving import code_snippets, prediction
from serving.batch import service
from serving.filters import ScoringJobFilter
from serving.forms import FileForm, TryForm
from serving.models import ScoringJob, Verification

RECENT = 6
PAGE = 50
MOST_CHANCES = 10
NO_STAGE = "A stage is dev, staging or production."


@permissions.page()
def home(request):
    context = {
        "dataset_count": Dataset.objects.count(),
        "model_count": ModelVersion.objects.count(),
        "live_counts": dict(Release.objects.live().values_list("stage").annotate(Count("pk"))),
        "datasets": DatasetVersion.objects.newest().for_lists().order_by("-created_at")[:RECENT],
        "releases": Release.objects.for_list()
        .live()
        .exclude(stage=Stage.DEV)
        .order_by("-started_at")[:RECENT],
        "jobs": TrainingJob.objects.for_list()[:RECENT],
        "running_count": TrainingJob.objects.unfinished().count(),
        "examples": examples.EXAMPLES,
    }
    return render(request, "serving/home.html", context)


@permissions.page()
def live(request):
    """What is live in each stage of each dataset: a row a dataset, a cell a stage."""
    datasets = Dataset.objects.filter(pk__in=Release.objects.live().values("dataset")).order_by("name")
    if wanted := request.GET.get("q", "").strip():
        datasets = datasets.filter(name__icontains=wanted)
    page = Paginator(datasets, PAGE).get_page(request.GET.get("page"))
    releases = Release.objects.for_list().live().filter(dataset__in=[dataset.pk for dataset in page])
    cells = {(release.dataset_id, release.stage): release for release in releases}
    rows = [
        {
            "dataset": dataset,
            "cells": [{"stage": stage, "release": cells.get((dataset.pk, stage))} for stage in Stage.values],
        }
        for dataset in page
    ]
    context = {"page": page, "rows": rows, "stages": Stage.values, "q": wanted}
    return render(request, "serving/live.html", context)


@permissions.page()
def stage(request, dataset, environment):
    """The live model of one stage, with a form to try it."""
    if environment not in Stage.values:
        raise Http404(NO_STAGE)
    found = Dataset.objects.named(dataset)
    context = stage_context(found, environment)
    release = context["release"]
    form = TryForm(request.POST or None, signature=release.model_version.signature) if release else None
    if form and form.is_bound and form.is_valid():
        context |= try_out(request, found, environment, release, form)
    context["form"] = form
    template = "serving/_try.html" if request.htmx and release else "serving/stage.html"
    return render(request, template, context, status=422 if form and form.errors else 200)


def stage_context(dataset, stage) -> dict:
    """What the page of one stage shows, but for its forms' answers."""
    history = list(Release.objects.for_list().filter(dataset=dataset, stage=stage)[:PAGE])
    release = next((release for release in history if release.is_live), None)
    return {
        "dataset": dataset,
        "stage": stage,
        "stages": Stage.values,
        "release": release,
        "history": history,
        "rollback": rollback_form(history, release),
        "verification": release
        and Verification.objects.defer(*Verification.LARGE).filter(pk=release.model_version_id).first(),
        "file_form": FileForm().suited(release and release.model_version.signature),
        "scoring_jobs": ScoringJob.objects.for_lists().filter(dataset_name=dataset.name, stage=stage)[
            :RECENT
        ],
    }


@permissions.page("predict")
def score(request, dataset, environment):
    """A table back with a prediction for each row, or the page of the job that makes it."""
    if request.method != "POST":  # the address stays behind when a file is refused
        return redirect("serving:stage", dataset, environment)
    if environment not in Stage.values:
        raise Http404(NO_STAGE)
    found = Dataset.objects.named(dataset)
    form = FileForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data.pop("file")
        try:
            made = service.score(
                found, stage=environment, file=file, filename=file.name, by=request.user, **form.cleaned_data
            )
        except ValidationError as error:
            form.add_error("file", error.messages)
        else:
            if isinstance(made, ScoringJob):
                return redirect("serving:job", pk=made.pk)
            return FileResponse(made.file, as_attachment=True, filename=made.filename)
    context = stage_context(found, environment) | {"file_form": form}
    if context["release"]:
        signature = context["release"].model_version.signature
        context |= {"file_form": form.suited(signature), "form": TryForm(signature=signature)}
    return render(request, "serving/stage.html", context, status=422)


@permissions.page()
def job_list(request):
    chosen = ScoringJobFilter(request.GET, ScoringJob.objects.for_lists())
    page = Paginator(chosen.qs, PAGE).get_page(request.GET.get("page"))
    busy = any(not job.is_finished for job in page)
    template = "serving/_jobs.html" if request.htmx else "serving/jobs.html"
    return render(request, template, {"filter": chosen, "page": page, "busy": busy})


@permissions.page()
def job(request, pk):
    """One scoring job; htmx asks for its inner part every second until it has ended."""
    found = ScoringJob.objects.for_lists().numbered(pk)
    context = {"job": found, "is_mine": service.may_change(found, request.user)}
    return render(request, "serving/_job.html" if request.htmx else "serving/job.html", context)


@require_POST
@permissions.page("predict")
def cancel_job(request, pk):
    try:
        service.cancel(ScoringJob.objects.for_lists().numbered(pk), by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect("serving:job", pk=pk)


@require_POST
@permissions.page("predict")
def delete_job(request, pk):
    found = ScoringJob.objects.for_lists().numbered(pk)
    try:
        service.delete(found, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("serving:job", pk=pk)
    messages.success(request, f"Scoring job {pk} and its result are deleted.")
    return redirect("serving:jobs")


@permissions.page()
def result(request, pk):
    found = ScoringJob.objects.for_lists().numbered(pk)
    return FileResponse(service.open_result(found), as_attachment=True, filename=found.result_name)


def rollback_form(history, release) -> RollbackForm | None:
    """The form to go back to any version that was live here before, the last one first."""
    now = release.model_version.number if release else None
    numbers = dict.fromkeys(past.model_version.number for past in history if past.model_version.number != now)
    return RollbackForm(numbers=list(numbers)) if numbers else None


def try_out(request, dataset, environment, release, form) -> dict:
    """The prediction for the form's row and the same call as code; or the error, put on the form."""
    row = form.row()
    with_probabilities = release.model_version.signature["probabilities"]
    try:
        made = prediction.predict(
            dataset, stage=environment, rows=[row], by=request.user, probabilities=with_probabilities
        )
    except ValidationError as error:
        form.add_error(None, error.messages)
        return {}
    sent = code_snippets.body(release, row, probabilities=with_probabilities)
    url = request.build_absolute_uri("/predict")
    chances = zip(made.classes, made.probabilities[0], strict=True) if made.probabilities else []
    return {
        "made": made,
        "prediction": made.predictions[0],
        "chances": sorted(chances, key=lambda pair: pair[1] or 0, reverse=True)[:MOST_CHANCES],
        "curl": code_snippets.curl(url, sent),
        "python": code_snippets.python(url, sent),
    }


@require_POST
@permissions.page("promote_staging")
def rollback(request, dataset, environment):
    found = Dataset.objects.named(dataset)
    form = RollbackForm(request.POST)
    if form.is_valid():
        try:
            release = promotion.rollback(found, stage=environment, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            messages.error(request, error.messages[0])
        else:
            messages.success(
                request, f"Version {release.model_version.number} is live in {environment} again."
            )
    return redirect("serving:stage", dataset=found.name, environment=environment)
