"""The pages of training, jobs and model versions."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST
from django_htmx.http import replace_url

from catalog.models import Dataset
from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from mlplatform.pagination import requested_page
from mlplatform.validation import unknown_names
from mlplatform.validation.forms import integer
from registry.evaluation import charts
from registry.filters import JobFilter, ModelFilter
from registry.forms import AUTOMATIC, TrainForm, initial_from_query, initial_from_request
from registry.jobs import submission
from registry.models import ModelVersion, TrainingJob
from registry.releases import confirmation, deletion, promotion
from registry.releases.confirmation import Question
from registry.releases.forms import PromoteForm
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
    figures = charts.figures(version.metrics)[:4] if version else []
    template = "registry/_job.html" if request.htmx else "registry/job.html"
    return render(request, template, {"job": job, "version": version, "figures": figures})


@permissions.page(query=ModelFilter.page_parameters())
def model_list(request):
    model_filter = ModelFilter(request.GET, ModelVersion.objects.for_list())
    page = requested_page(request, model_filter.qs)
    return render(request, "registry/models.html", {"filter": model_filter, "page": page})


@permissions.page()
def model(request, dataset, version):
    return render_model(request, ModelVersion.objects.numbered(dataset, version))


def render_model(request, version: ModelVersion, *, form=None, status=200):
    promotable = promotion.promotable_stages(version)
    allowed = [stage for stage in promotable if permissions.can(request.user, f"promote_{stage}")]
    if allowed and form is None:
        form = PromoteForm(stages=allowed)
    context = {
        "model": version,
        "releases": version.releases.select_related("released_by"),
        "promotable": promotable,
        "form": form,
        "figures": charts.figures(version.metrics),
        "not_used": version.columns_not_used,
        "confusion": charts.confusion_matrix(version),
        "report": charts.classification_report(version),
        "residuals": charts.residuals(version),
        "clusters": charts.clusters(version),
    }
    return render(request, "registry/model.html", context, status=status)


@permissions.page("promote_staging", query=None, fields=None)
def promote(request, dataset, version):
    """A GET asks for confirmation; a POST promotes, or leads to the confirmation if a version would be replaced."""
    model = ModelVersion.objects.numbered(dataset, version)
    form = confirmation.bound(request, PromoteForm)
    back = reverse("registry:model", args=[model.dataset.name, model.number])

    def plan(values: dict) -> Question:
        stage = values["stage"]
        return Question(
            title=f"Promote version {model.number} to {stage}?",
            submit=f"Promote version {model.number}",
            dataset=model.dataset.name,
            stage=stage,
            live=promotion.plan_promotion(model, stage=stage, by=request.user),
            number=model.number,
        )

    def run(values: dict) -> str:
        release = promotion.promote(model, by=request.user, **values)
        return f"Version {model.number} is live in {release.stage}."

    response = confirmation.change(request, form, back=back, plan=plan, run=run)
    return response or render_model(request, model, form=form, status=422)


@require_POST
@permissions.page("train")
def retrain(request, dataset, version):
    try:
        job = submission.retrain(ModelVersion.objects.numbered(dataset, version), by=request.user)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("registry:model", dataset=dataset, version=version)
    return redirect("registry:job", pk=job.pk)


@permissions.page("delete", fields=("effect",))
def delete_model(request, dataset, version):
    """A GET asks for confirmation and says what happens to dev; a POST deletes."""
    model = ModelVersion.objects.numbered(dataset, version)
    error = None
    if request.method == "POST":
        try:
            successor = deletion.delete_version(
                model, by=request.user, expected_effect=request.POST.get("effect")
            )
        except NotFound:
            raise
        except ValidationError as conflict:
            error = conflict.messages[0]
        else:
            dev = f" Version {successor.number} is live in dev again." if successor else ""
            messages.success(request, f"Model version {version} of {model.dataset.name} was deleted.{dev}")
            return redirect("registry:models")
    context = {"model": model, "effect": deletion.effect(model), "error": error}
    return render(request, "registry/delete_model.html", context, status=409 if error else 200)
