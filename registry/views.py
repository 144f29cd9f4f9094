"""The pages of training and of the registry."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from catalog.models import Dataset
from mlplatform import access
from registry import algorithms, charts, promotion, training
from registry.filters import JobFilter, ModelFilter
from registry.forms import PromoteForm, TrainForm, initial_of
from registry.models import ModelVersion, TrainingJob

PAGE = 50
FIRST_ALGORITHM = "RandomForestClassifier"


@access.page("train")
def train(request):
    """The form. A GET shows it for the dataset, algorithm or earlier job that the query names."""
    chosen = request.POST or request.GET
    initial = {}
    dataset_name, class_name = chosen.get("dataset"), chosen.get("algorithm")
    if request.GET.get("job", "").isdigit():
        job = get_object_or_404(TrainingJob, pk=request.GET["job"])
        initial = initial_of(job.request)
        dataset_name, class_name = dataset_name or job.dataset_name, class_name or job.algorithm
    dataset = (
        Dataset.objects.named(dataset_name)
        if dataset_name
        else Dataset.objects.order_by("-created_at").first()
    )
    algorithm = algorithms.find(class_name or FIRST_ALGORITHM)
    form = TrainForm(request.POST or None, dataset=dataset, algorithm=algorithm, initial=initial)
    if form.is_valid():
        try:
            job = training.request_training(form.source, request=form.training_request(), by=request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("registry:job", pk=job.pk)
    context = {"form": form, "dataset": dataset, "algorithm": algorithm}
    return render(request, "registry/train.html", context, status=422 if form.errors else 200)


@access.page()
def job_list(request):
    chosen = JobFilter(request.GET, TrainingJob.objects.for_lists())
    page = Paginator(chosen.qs, PAGE).get_page(request.GET.get("page"))
    busy = any(not job.is_finished for job in page)
    template = "registry/_jobs.html" if request.htmx else "registry/jobs.html"
    return render(request, template, {"filter": chosen, "page": page, "busy": busy})


@access.page()
def job(request, pk):
    """One job; htmx asks for its inner part every second until it has ended."""
    found = get_object_or_404(TrainingJob.objects.for_lists(), pk=pk)
    template = "registry/_job.html" if request.htmx else "registry/job.html"
    return render(request, template, {"job": found})


@access.page()
def model_list(request):
    chosen = ModelFilter(request.GET, ModelVersion.objects.for_lists().defer("signature", "parameters"))
    page = Paginator(chosen.qs, PAGE).get_page(request.GET.get("page"))
    return render(request, "registry/models.html", {"filter": chosen, "page": page})


@access.page()
def model(request, dataset, version):
    found = ModelVersion.objects.numbered(dataset, version)
    return render_model(request, found, PromoteForm(stage=found.stage))


def render_model(request, found, form, status=200):
    context = {
        "model": found,
        "releases": found.releases.select_related("released_by"),
        "form": form if form.fields["stage"].choices else None,
        "confusion": charts.confusion(found),
        "residuals": charts.residuals(found),
    }
    return render(request, "registry/model.html", context, status=status)


@require_POST
@access.page("promote_staging")
def promote(request, dataset, version):
    found = ModelVersion.objects.numbered(dataset, version)
    form = PromoteForm(request.POST, stage=found.stage)
    if form.is_valid():
        try:
            release = promotion.promote(found, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Version {found.number} is live in {release.stage}.")
            return redirect("registry:model", dataset=dataset, version=version)
    return render_model(request, found, form, status=422)


@access.page("delete")
def delete_model(request, dataset, version):
    """Ask, then delete."""
    found = ModelVersion.objects.numbered(dataset, version)
    error = None
    if request.method == "POST":
        try:
            promotion.delete_version(found, by=request.user)
        except ValidationError as refused:
            error = refused.messages[0]
        else:
            messages.success(request, f"Version {version} of {dataset} is deleted.")
            return redirect("registry:models")
    return render(
        request, "registry/delete_model.html", {"model": found, "error": error}, status=409 if error else 200
    )
