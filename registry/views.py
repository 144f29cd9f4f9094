"""The pages of training and of the registry."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_htmx.http import replace_url

from catalog.models import Dataset
from mlplatform.auth import permissions
from registry import promotion
from registry.estimators import algorithms
from registry.evaluation import charts
from registry.filters import JobFilter, ModelFilter
from registry.forms import PromoteForm, TrainForm, initial_of, typed
from registry.jobs import submission
from registry.models import ModelVersion, Stage, TrainingJob
from registry.training.request import TrainingRequest

PAGE = 50
FIRST_ALGORITHM = "RandomForestClassifier"


@permissions.page("train")
def train(request):
    """The form. A GET, or a POST that asks to refresh, shows it for what it names and keeps what was typed."""
    asked = request.POST or request.GET
    job = None
    if request.GET.get("job", "").isdigit():
        job = TrainingJob.objects.numbered(int(request.GET["job"]))
    name = asked.get("dataset") or (job and job.dataset_name)
    dataset = Dataset.objects.named(name) if name else Dataset.objects.order_by("-created_at").first()
    if dataset is None:
        return render(request, "registry/train_nothing.html")
    algorithm = algorithms.find(asked.get("algorithm") or (job and job.algorithm) or FIRST_ALGORITHM)
    if request.method != "POST" or "refresh" in request.POST:
        initial = (
            initial_of(TrainingRequest.from_dict(job.request), dataset.version().columns)
            if job
            else typed(asked)
        )
        form = TrainForm(dataset=dataset, algorithm=algorithm, initial=initial)
        return show_train(request, form, status=200)
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
            form.refuse(error)
        else:
            return redirect("registry:job", pk=job.pk)
    return show_train(request, form, status=422)


def show_train(request, form, *, status):
    context = {"form": form, "source": form.source, "algorithm": form.chosen}
    response = render(request, "registry/train.html", context, status=status)
    if request.htmx:
        chosen = urlencode({"dataset": form.source.dataset.name, "algorithm": form.chosen.name})
        replace_url(response, f"{reverse('registry:train')}?{chosen}")
    return response


@permissions.page()
def job_list(request):
    chosen = JobFilter(request.GET, TrainingJob.objects.for_list())
    page = Paginator(chosen.qs, PAGE).get_page(request.GET.get("page"))
    busy = any(not job.is_finished for job in page)
    template = "registry/_jobs.html" if request.htmx else "registry/jobs.html"
    return render(request, template, {"filter": chosen, "page": page, "busy": busy})


@permissions.page()
def job(request, pk):
    """One job; htmx asks for its inner part every second until it has ended. A POST cancels it."""
    found = TrainingJob.objects.for_page().numbered(pk)
    if request.method == "POST":
        try:
            submission.cancel(found, by=request.user)
        except ValidationError as error:
            messages.error(request, error.messages[0])
        return redirect("registry:job", pk=pk)
    made = getattr(found, "model_version", None)
    context = {"job": found, "made": made, "figures": charts.figures(made.metrics)[:4] if made else []}
    return render(request, "registry/_job.html" if request.htmx else "registry/job.html", context)


@permissions.page()
def model_list(request):
    chosen = ModelFilter(request.GET, ModelVersion.objects.for_list())
    page = Paginator(chosen.qs, PAGE).get_page(request.GET.get("page"))
    return render(request, "registry/models.html", {"filter": chosen, "page": page})


@permissions.page()
def model(request, dataset, version):
    found = ModelVersion.objects.numbered(dataset, version)
    return render_model(request, found, None)


def render_model(request, found, form, status=200):
    higher = [stage for stage in Stage if stage.rank > Stage(found.stage).rank]
    allowed = [stage for stage in higher if permissions.can(request.user, f"promote_{stage}")]
    context = {
        "model": found,
        "releases": found.releases.select_related("released_by"),
        "higher": higher,
        "form": (form or PromoteForm(stages=allowed)) if allowed or form else None,
        "figures": charts.figures(found.metrics),
        "confusion": charts.confusion(found),
        "report": charts.report(found),
        "residuals": charts.residuals(found),
        "clusters": charts.clusters(found),
    }
    return render(request, "registry/model.html", context, status=status)


@require_POST
@permissions.page("promote_staging")
def promote(request, dataset, version):
    found = ModelVersion.objects.numbered(dataset, version)
    form = PromoteForm(request.POST, stages=[stage for stage in Stage if stage != Stage.DEV])
    if form.is_valid():
        try:
            release = promotion.promote(found, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Version {found.number} is live in {release.stage}.")
            return redirect("registry:model", dataset=dataset, version=version)
    return render_model(request, found, form, status=422)


@permissions.page("delete")
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
            messages.success(request, f"Model version {version} of {found.dataset.name} is deleted.")
            return redirect("registry:models")
    return render(
        request, "registry/delete_model.html", {"model": found, "error": error}, status=409 if error else 200
    )
