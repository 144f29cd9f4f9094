"""The pages of training and jobs."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_htmx.http import replace_url

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.pagination import requested_page
from mlplatform.validation import unknown_names
from mlplatform.validation.forms import integer
from registry.evaluation import charts
from registry.jobs import submission
from registry.jobs.filters import JobFilter
from registry.jobs.forms import AUTOMATIC, TrainForm, initial_from_query, initial_from_request
from registry.models import ModelVersion, TrainingJob
from registry.training.request import TrainingRequest


@permissions.page("train", query=None, fields=None)
def train(request):
    """The training form. A POST with `refresh` shows it for another dataset or algorithm, with the same input."""
    if request.method == "POST":
        unknown_names.check_query(request.GET, ())
    query = request.POST or request.GET
    number = integer(request.GET, "job")
    job = None if number is None else TrainingJob.objects.numbered(number)
    name = query.get("dataset") or (job and job.dataset_name)
    dataset = Dataset.objects.named(name) if name else Dataset.objects.order_by("-created_at").first()
    if dataset is None:
        return render(request, "registry/train_empty.html")
    algorithm = query.get("algorithm") or (job and job.algorithm) or AUTOMATIC
    if request.method != "POST" or "refresh" in request.POST:
        initial = initial_from_query(query)
        if job:
            initial = initial_from_request(
                TrainingRequest.from_dict(job.request), columns=dataset.version().columns
            )
        form = TrainForm(dataset=dataset, algorithm=algorithm, initial=initial)
        unknown_names.check_query(request.GET, ["job", *form.fields], lists=["excluded_columns"])
        errors = form.query_errors(request.GET)
        for error in errors:
            messages.error(request, error)
        return render_train(request, form, status=400 if errors else 200)
    form = TrainForm(request.POST, dataset=dataset, algorithm=algorithm)
    if form.is_valid():
        try:
            job = submission.submit(
                form.source,
                request=form.training_request(),
                by=request.user,
                accept_warnings="accept_warnings" in request.POST,
            )
        except ValidationError as error:
            form.add_operation_error(error)
        else:
            return redirect("registry:job", pk=job.pk)
    return render_train(request, form, status=422)


def render_train(request, form, *, status):
    context = {"form": form, "source": form.source, "algorithm": form.algorithm}
    response = render(request, "registry/train.html", context, status=status)
    if request.htmx:
        selected = {name: form[name].value() for name in ("dataset", "target", "algorithm")}
        replace_url(response, f"{reverse('registry:train')}?{urlencode(selected)}")
    return response


@permissions.page(query=JobFilter.page_parameters())
def job_list(request):
    job_filter = JobFilter(request.GET, TrainingJob.objects.for_list())
    page = requested_page(request, job_filter.qs)
    template = "registry/_jobs.html" if request.htmx else "registry/jobs.html"
    return render(request, template, {"filter": job_filter, "page": page})


@permissions.page()
def job(request, pk):
    """The page of a job, whose inner part htmx reloads until it has finished. A POST cancels it."""
    job = TrainingJob.objects.for_page().numbered(pk)
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
