"""The pages of model versions."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import retarget

from mlplatform.auth import permissions
from mlplatform.errors import NotFound
from mlplatform.lists import saved_filters
from mlplatform.lists.pagination import requested_page
from mlplatform.metadata import favourites
from mlplatform.validation import unknown_names
from registry.cards import revisions
from registry.comparison import predictions
from registry.comparison.differences import Replacement
from registry.diagnostics import fairness as comparing
from registry.diagnostics import page as diagnostics_page
from registry.diagnostics import slice_tables
from registry.discovery import leaderboard
from registry.evaluation import charts, findings
from registry.filters import ModelFilter
from registry.jobs import evaluation
from registry.jobs.learning_curves import computation as learning_curve
from registry.mlflow import mirror
from registry.models import ModelVersion
from registry.releases import confirmation, deletion, history, promotion
from registry.releases.confirmation import Question
from registry.releases.forms import PromoteForm

PAGE_SIZE = 25  # the rows of a leaderboard are tall


@permissions.page(query=ModelFilter.page_parameters(), fields=saved_filters.FIELDS)
def model_list(request):
    """The list of versions; ordered by a metric, or of one dataset and target, as a leaderboard."""
    if request.method == "POST":
        return saved_filters.handle(request)
    query = request.GET.copy()
    names = ("ordering", "dataset", "target", "task")
    board = leaderboard.of_request(**{name: query.get(name, "") for name in names})
    if board:
        query["ordering"] = query.get("ordering") or leaderboard.Ranking(board.metric).best_first
        query["task"] = query.get("task") or board.metric.task  # other versions have none of its metrics
    versions = ModelVersion.objects.for_list_of(request.user, board.names if board else ())
    model_filter = ModelFilter(query, versions)
    model_filter.offer_orders(board.metric.task if board else None)
    page = requested_page(request, model_filter.qs, size=PAGE_SIZE)
    context = {
        "filter": model_filter,
        "page": page,
        "saved": saved_filters.saved(request),
        "query": saved_filters.query_of(request.GET),
        "board": board,
        "groups": board.groups(page) if board else [],
        "targets": leaderboard.targets(query["dataset"]) if query.get("dataset") else [],
        "ordering": query.get("ordering", ""),
    }
    return render(request, "registry/models.html", context)


@require_POST
@permissions.page(fields=favourites.FIELDS)
def favourite_model(request, dataset, version):
    model = ModelVersion.objects.numbered(dataset, version)
    page = reverse("registry:model", args=[model.dataset.name, model.number])
    return favourites.handle(request, model, page=page)


@permissions.page(query=("class",))
def model(request, dataset, version):
    return render_model(request, ModelVersion.objects.numbered(dataset, version))


def render_model(request, version: ModelVersion, *, form=None, status=200):
    promotable = promotion.promotable_stages(version)
    allowed = [stage for stage in promotable if permissions.can(request.user, f"promote_{stage}")]
    if allowed and form is None:
        form = PromoteForm(stages=allowed)
    context = {
        "model": version,
        "card": revisions.current(version),
        "mlflow_run": mirror.run_address(version),
        "releases": version.releases.select_related("released_by"),
        "promotable": promotable,
        "form": form,
        "figures": charts.figures(version),
        "findings": findings.of_metrics(version.metrics, task=version.task, primary=version.primary_metric),
        "metric_rows": charts.metric_rows(version),
        "decision": charts.decision_sentence(version),
        "folds": charts.folds(version),
        "baseline": charts.baseline_label(version),
        "not_used": version.columns_not_used,
        "confusion": charts.confusion_matrix(version),
        "report": charts.classification_report(version),
        "clusters": charts.clusters(version),
        "learning_curve": learning_curve.state(version),
        **_evaluations(version),
        **_diagnostics(version, of_class=request.GET.get("class")),
    }
    return render(request, "registry/model.html", context, status=status)


def _evaluations(version: ModelVersion) -> dict:
    """The context of `_evaluations.html`."""
    evaluations = charts.evaluations(version)
    other_versions = version.dataset.versions.all()
    if not version.is_imported:
        other_versions = other_versions.exclude(pk=version.dataset_version_id)
    return {
        "evaluations": evaluations,
        "evaluation_jobs": [one["job"] for one in evaluations],
        "other_versions": other_versions.values_list("number", flat=True).order_by("-number")[:50],
    }


def _diagnostics(version: ModelVersion, *, of_class: str | None = None) -> dict:
    """The context of `_diagnostics.html`."""
    computed = diagnostics_page.stored(version)
    return {
        "computed": computed,
        "diagnostics_state": evaluation.diagnostics_state(version, computed),
        "diagnostics": diagnostics_page.parts(computed, version, of_class=of_class),
        "residuals": charts.residuals(version),
    }


@permissions.page(query=("class",))
def diagnostics(request, dataset, version):
    """The diagnostics on the page of a version; while they are computed, or of one class, a part of them.

    Without htmx, the page, as of all its parts that refresh themselves while their job runs.
    """
    model = ModelVersion.objects.numbered(dataset, version)
    if not request.htmx:
        return _to_page(model, request.GET)
    if "class" in request.GET:
        context = {"model": model, "one": diagnostics_page.of_class(model, request.GET["class"])}
        return render(request, "registry/_one_class.html", context)
    state = evaluation.diagnostics_state(model, None)
    if state.job and not state.job.is_finished:
        context = {"model": model, "diagnostics_state": state}
        return render(request, "registry/_diagnostics_state.html", context)
    context = {"model": model, **_diagnostics(model)}
    return retarget(render(request, "registry/_diagnostics.html", context), "#diagnostics")


@permissions.page()
def evaluations(request, dataset, version):
    """The evaluations on other data, as a part of the page of a version."""
    model = ModelVersion.objects.numbered(dataset, version)
    if not request.htmx:
        return _to_page(model)
    return render(request, "registry/_evaluations.html", {"model": model, **_evaluations(model)})


@permissions.page()
def learning_curve_part(request, dataset, version):
    """The learning curve, as a part of the page of a version."""
    model = ModelVersion.objects.numbered(dataset, version)
    if not request.htmx:
        return _to_page(model)
    context = {"model": model, "learning_curve": learning_curve.state(model)}
    return render(request, "registry/_learning_curve.html", context)


def _to_page(version: ModelVersion, query: QueryDict | None = None):
    page = reverse("registry:model", args=[version.dataset.name, version.number])
    return redirect(f"{page}?{query.urlencode()}" if query else page)


@permissions.page(query=None)
def fairness(request, dataset, version):
    """The rates of a classifier for the groups of chosen columns."""
    unknown_names.check_query(request.GET, ("by", "class"), lists=("by",))
    model = ModelVersion.objects.numbered(dataset, version)
    sections = diagnostics_page.computed(model).sections
    columns, classes = comparing.choices(sections)
    chosen, positive = request.GET.getlist("by"), request.GET.get("class", classes[-1])
    context = {"model": model, "columns": columns, "classes": classes, "chosen": chosen, "positive": positive}
    status = 200
    try:
        if chosen:
            compared = comparing.compare(sections, by=chosen, positive=positive)
            context["groups"] = slice_tables.groups(compared, model)
    except ValidationError as error:
        context["error"], status = error.messages[0], 400
    return render(request, "registry/fairness.html", context, status=status)


@permissions.page(permissions.of_stage, query=None, fields=None)
def promote(request, dataset, version):
    """A GET asks for confirmation; a POST promotes, or leads to the confirmation if a version would be replaced."""
    model = ModelVersion.objects.numbered(dataset, version)
    form = confirmation.bound(request, PromoteForm)
    back = reverse("registry:model", args=[model.dataset.name, model.number])

    def plan(values: dict) -> Question:
        stage = values["stage"]
        live = promotion.plan_promotion(model, stage=stage, by=request.user)
        replacement = Replacement(model, live and live.model_version)
        return Question(
            title=f"Promote version {model.number} to {stage}?",
            submit=f"Promote version {model.number}",
            dataset=model.dataset.name,
            stage=stage,
            live=live,
            number=model.number,
            replacement=replacement,
            why_named="requests of callers can break" if replacement.breaking_changes else "",
        )

    def run(values: dict, question: Question) -> str:
        is_named = values.pop("typed_name") == model.dataset.name
        release = promotion.promote(model, by=request.user, allow_signature_change=is_named, **values)
        return f"Version {model.number} is live in {release.stage}."

    response = confirmation.change(request, form, back=back, plan=plan, run=run)
    return response or render_model(request, model, form=form, status=422)


@permissions.page("promote_staging", query=("stage",))
def changed_predictions(request, dataset, version):
    """The held-out rows that the version predicts differently than the one that is live in a stage."""
    model = ModelVersion.objects.numbered(dataset, version)
    live = history.live_release(model.dataset, history.parse_stage(request.GET.get("stage", "")))
    context = {"model": model, "live": live}
    if live:
        try:
            changed = predictions.compare(live.model_version, model)
            context |= predictions.context(changed)
        except ValidationError as error:
            context["error"] = error.messages[0]
    template = "registry/_changed_predictions.html" if request.htmx else "registry/changed_predictions.html"
    return render(request, template, context)


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
