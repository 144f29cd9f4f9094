"""The pages of live models, and the pages of scoring jobs."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import NotReady, status_of
from mlplatform.lists import csv_export
from mlplatform.lists.pagination import requested_page
from mlplatform.validation.forms import integer
from mlplatform.web import download
from registry.models import ModelVersion, Release, Stage
from registry.releases import history
from registry.releases.forms import RollbackForm
from serving import code_snippets, example_rows, prediction
from serving.batch import service
from serving.explanation import display, reasons
from serving.filters import ScoringJobFilter
from serving.forms import FileForm, TryForm
from serving.inputs.input_warnings import sentence
from serving.models import ScoringJob, Verification

RECENT = 6
PAGE_SIZE = 50
MAX_PROBABILITIES = 10  # that are shown


@permissions.page(query=("q", "page"))
def live(request):
    """The live version of each dataset and stage, with the stages that serve nothing any more."""
    datasets = Dataset.objects.filter(pk__in=Release.objects.values("dataset")).order_by("name")
    if query := request.GET.get("q", "").strip():
        datasets = datasets.filter(name__icontains=query)
    page = requested_page(request, datasets)
    releases = Release.objects.filter(dataset__in=[dataset.pk for dataset in page])
    cells = {(release.dataset_id, release.stage): release for release in releases.for_list().live()}
    used = set(releases.order_by().values_list("dataset", "stage").distinct())
    rows = [
        {
            "dataset": dataset,
            "cells": [
                {
                    "stage": stage,
                    "release": cells.get((dataset.pk, stage)),
                    "was_used": (dataset.pk, stage) in used,
                }
                for stage in Stage.values
            ],
        }
        for dataset in page
    ]
    context = {"page": page, "rows": rows, "stages": Stage.values, "q": query}
    return render(request, "serving/live.html", context)


@permissions.page(query=("row",), fields=None)
def stage(request, dataset, environment):
    """The live model of one stage, with a form to try it."""
    dataset = _dataset(dataset, environment)
    context = stage_context(dataset, environment)
    if release := context["release"]:
        context |= try_model(request, release.model_version, stage=environment)
    return render_try(request, "serving/stage.html", context)


@permissions.page("predict", query=("row",), fields=None)
def version(request, dataset, version):
    """A form to try a version that need not be live. Every version was live in dev, where its artifact is."""
    model = ModelVersion.objects.numbered(dataset, version)
    context = {"dataset": model.dataset, "try_url": request.path}
    context |= try_model(request, model, stage=Stage.DEV, version=model.number)
    return render_try(request, "serving/version.html", context)


def render_try(request, template: str, context: dict):
    form = context.get("form")
    template = "serving/_try.html" if request.htmx and form else template
    return render(request, template, context, status=422 if form and form.errors else 200)


def _dataset(name: str, environment: str) -> Dataset:
    """The dataset, if the stage exists too. Raises Http404 or NotFound."""
    if environment not in Stage.values:
        raise Http404(Stage.unknown(environment))
    return Dataset.objects.named(name)


def stage_context(dataset, stage) -> dict:
    """The context of the page of one stage, without the results of its forms."""
    releases = list(Release.objects.for_list().filter(dataset=dataset, stage=stage)[:PAGE_SIZE])
    release = next((release for release in releases if release.is_live), None)
    return {
        "dataset": dataset,
        "stage": stage,
        "stages": Stage.values,
        "try_url": reverse("serving:stage", args=[dataset.name, stage]),
        "release": release,
        "history": releases,
        "retired": next((past for past in releases[:1] if past.is_retired), None),
        "nothing_live": "" if release else history.nothing_live(dataset, stage),
        "rollback": rollback_form(releases, history.previous_release(dataset, stage)),
        "verification": release
        and Verification.objects.defer(*Verification.LARGE).filter(pk=release.model_version_id).first(),
        "file_form": FileForm().for_signature(release and release.model_version.signature),
        "scoring_jobs": ScoringJob.objects.for_lists().filter(dataset_name=dataset.name, stage=stage)[
            :RECENT
        ],
    }


@permissions.page("predict", fields=None)
def score(request, dataset, environment):
    """Return the file with a prediction for each row, or redirect to the scoring job that creates it."""
    if request.method != "POST":  # a reload after a rejected file requests this path
        return redirect("serving:stage", dataset, environment)
    dataset = _dataset(dataset, environment)
    form, status = FileForm(request.POST, request.FILES), 422
    if form.is_valid():
        file = form.cleaned_data.pop("file")
        try:
            result = service.score(
                dataset,
                stage=environment,
                file=file,
                filename=file.name,
                by=request.user,
                **form.cleaned_data,
            )
        except ValidationError as error:
            form.add_error("file", error.messages)
            status = max(status, status_of(error))
        else:
            if isinstance(result, ScoringJob):
                return redirect("serving:job", pk=result.pk)
            if result.delimiter:
                return csv_export.download(service.without_formulas(result), result.filename)
            return FileResponse(result.file, as_attachment=True, filename=result.filename)
    context = stage_context(dataset, environment) | {"file_form": form}
    if context["release"]:
        model = context["release"].model_version
        context |= {
            "file_form": form.for_signature(model.signature),
            "form": TryForm(signature=model.signature),
        }
        context["model"] = model
    return render(request, "serving/stage.html", context, status=status)


@permissions.page(query=ScoringJobFilter.page_parameters())
def job_list(request):
    filters = ScoringJobFilter(request.GET, ScoringJob.objects.for_lists())
    page = requested_page(request, filters.qs)
    template = "serving/_jobs.html" if request.htmx else "serving/jobs.html"
    return render(request, template, {"filter": filters, "page": page})


@permissions.page()
def job(request, pk):
    """One scoring job; htmx refreshes its content until it has finished."""
    job = ScoringJob.objects.for_lists().numbered(pk)
    context = {"job": job, "is_mine": service.may_change(job, request.user)}
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
    job = ScoringJob.objects.for_lists().numbered(pk)
    try:
        service.delete(job, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("serving:job", pk=pk)
    messages.success(request, f"Scoring job {pk} and its result were deleted.")
    return redirect("serving:jobs")


@permissions.page(query=("spreadsheet",))
def result(request, pk):
    job = ScoringJob.objects.for_lists().numbered(pk)
    stored = service.result_file(job)
    if download.wants_spreadsheet(request):
        return csv_export.download(service.result_for_spreadsheet(job), job.result_name)
    return download.respond(request, stored)


def rollback_form(releases: list[Release], previous: Release | None) -> RollbackForm | None:
    """The form to roll back to a version that was live in this stage: first the previous one, then the latest.

    If there is no previous one, none is selected: the latest is a version that a rollback has left.
    """
    live = {past.number for past in releases if past.is_live}
    earlier = [past.number for past in releases if past.model_version and past.number not in live]
    numbers = dict.fromkeys([*([previous.number] if previous else []), *earlier])
    return RollbackForm(numbers=list(numbers), has_default=previous is not None) if numbers else None


def _row_to_try(request, model: ModelVersion) -> tuple[example_rows.ExampleRow | None, TryForm]:
    """The row of the table that a request selects, if it can be read, and the form, which it fills."""
    number = integer(request.POST, "number")
    example = example_rows.numbered(model, number or integer(request.GET, "row"))
    filled = partial(TryForm, signature=model.signature, row=example and example.inputs)
    return example, filled(filled().as_submitted() if number and example else request.POST or None)


def try_model(request, model: ModelVersion, *, stage: str, version: int | None = None) -> dict:
    """The form to try a model with a row of its table; after a valid POST the prediction, its warnings and reasons.

    An error of the prediction is added to the form. `version` selects a version that need not be live. A POST with the
    `number` of a row predicts that row.
    """
    example, form = _row_to_try(request, model)
    context = {"model": model, "form": form, "stage": stage, "example": example}
    context["another"] = example and example_rows.another(model, example)
    if not form.is_valid():
        return context
    row, with_probabilities = form.row(), model.signature["probabilities"]
    options = {"version": version, "probabilities": with_probabilities}
    found_in = None if version else stage  # a version can be tried even if the stage is retired
    predict = partial(
        prediction.predict,
        model.dataset,
        stage=found_in,
        rows=[row],
        by=request.user,
        warnings=True,
        **options,
    )
    try:
        try:
            result = predict(explain=True)
        except NotReady as error:
            if error.code != reasons.BUSY:
                raise
            result, context["no_reasons"] = predict(), error.messages[0]
    except ValidationError as error:
        form.add_error(None, error.messages)
        return context
    columns = {column["name"]: column for column in model.signature["inputs"]}
    body = code_snippets.body(model.dataset.name, row=row, stage=stage, **options)
    url = request.build_absolute_uri(reverse("api-predict"))
    pairs = zip(result.classes, result.probabilities[0], strict=True) if result.probabilities else []
    return context | {
        "result": result,
        "prediction": result.predictions[0],
        "is_example": example is not None and not form.has_changed(),
        "is_correct": example is not None and example.is_correct(result.predictions[0]),
        "error": example and example.error_of(result.predictions[0]),
        "warnings": [
            sentence(warning, column=columns[name], value=row.get(name))
            for warning in result.warnings
            for name in [warning["column"]]
        ],
        "probabilities": sorted(pairs, key=lambda pair: pair[1] or 0, reverse=True)[:MAX_PROBABILITIES],
        "reasons": result.explanation and display.shown(result.explanation, row, target=model.target),
        "curl": code_snippets.curl(url, body),
        "python": code_snippets.python(url, body),
        "mlflow": code_snippets.mlflow(
            request.build_absolute_uri(reverse("home")).rstrip("/"),
            model.dataset.name,
            stage=stage,
            version=version,
            row=row,
        ),
    }
