"""The pages of training jobs."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from mlplatform.auth import permissions
from mlplatform.lists import saved_filters
from mlplatform.lists.pagination import requested_page
from mlplatform.validation.forms import integer
from registry.evaluation import charts
from registry.jobs import evaluation, submission
from registry.jobs.filters import JobFilter
from registry.models import Evaluation, ModelVersion, TrainingJob


@permissions.page(query=JobFilter.page_parameters(), fields=saved_filters.FIELDS)
def job_list(request):
    if request.method == "POST":
        return saved_filters.handle(request)
    job_filter = JobFilter(request.GET, TrainingJob.objects.for_list())
    page = requested_page(request, job_filter.qs)
    template = "registry/_jobs.html" if request.htmx else "registry/jobs.html"
    saved, query = saved_filters.saved(request), saved_filters.query_of(request.GET)
    return render(request, template, {"filter": job_filter, "page": page, "saved": saved, "query": query})


@permissions.page()
def job(request, pk):
    """The page of a job, whose inner part htmx reloads until it has finished. A POST cancels it."""
    job = TrainingJob.objects.for_page().numbered(pk)
    if job.is_group:
        return redirect("registry:group", pk=job.group.pk)
    if request.method == "POST":
        try:
            submission.cancel(job, by=request.user)
        except ValidationError as error:
            messages.error(request, error.messages[0])
        return redirect("registry:job", pk=pk)
    version = getattr(job, "model_version", None)
    figures = charts.figures(version) if version else []
    template = "registry/_job.html" if request.htmx else "registry/job.html"
    return render(request, template, {"job": job, "version": version, "figures": figures})


@require_POST
@permissions.page("train")
def retrain(request, dataset, version):
    try:
        job = submission.retrain(ModelVersion.objects.numbered(dataset, version), by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("registry:model", dataset=dataset, version=version)
    return redirect("registry:job", pk=job.pk)


@require_POST
@permissions.page("train", fields=("dataset_version",))
def evaluate(request, dataset, version):
    """Measure a version on another version of its dataset."""
    model = ModelVersion.objects.numbered(dataset, version)
    try:
        source = model.dataset.version(integer(request.POST, "dataset_version"))
        evaluation.submit(model, source, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, f"Version {version} will be measured on dataset version {source.number}.")
    return redirect("registry:model", dataset=dataset, version=version)


@require_POST
@permissions.page("train")
def diagnose(request, dataset, version):
    """Compute the diagnostics of a version again, or for the first time."""
    return _computed(request, dataset, version, Evaluation.Kind.DIAGNOSTICS)


@require_POST
@permissions.page("train")
def compute_learning_curve(request, dataset, version):
    return _computed(request, dataset, version, Evaluation.Kind.LEARNING_CURVE)


def _computed(request, dataset: str, version: int, kind: str):
    """Submit a job about a version; its page shows the state."""
    try:
        evaluation.submit_repeated(ModelVersion.objects.numbered(dataset, version), kind, by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    return redirect("registry:model", dataset=dataset, version=version)
