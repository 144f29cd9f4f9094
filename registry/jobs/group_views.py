"""The pages of training groups."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from mlplatform.auth import permissions
from mlplatform.pagination import requested_page
from registry.jobs import submission
from registry.jobs.filters import GroupFilter
from registry.models import ModelVersion, TrainingGroup, Trial
from registry.search import leaderboard

SHOWN_TRIALS = 50


@permissions.page(query=GroupFilter.page_parameters())
def group_list(request):
    group_filter = GroupFilter(request.GET, TrainingGroup.objects.for_list())
    page = requested_page(request, group_filter.qs)
    return render(request, "registry/groups.html", {"filter": group_filter, "page": page})


@permissions.page()
def group(request, pk):
    """The page of a group, whose inner part htmx reloads until it has finished. A POST cancels it."""
    group = TrainingGroup.objects.numbered(pk)
    if request.method == "POST":
        try:
            submission.cancel(group.job, by=request.user)
        except ValidationError as error:
            messages.error(request, error.messages[0])
        return redirect("registry:group", pk=pk)
    trials = leaderboard.of_group(group)
    version = getattr(group.job, "model_version", None)
    context = {
        "group": group,
        "job": group.job,
        "version": version,
        "best": best_of(trials, version),
        "trials": trials[:SHOWN_TRIALS],
        "count": len(trials),
        "has_versions": any(trial.model_version_id for trial in trials),
        "failed": sum(trial.state == Trial.State.FAILED for trial in trials),
    } | scores(trials)
    template = "registry/_group.html" if request.htmx else "registry/group.html"
    return render(request, template, context)


def best_of(trials: list[Trial], version: ModelVersion | None) -> Trial | None:
    """The trial that became the version, or the best complete one so far: its last fit can fail."""
    registered = [trial for trial in trials if version and trial.model_version_id == version.pk]
    complete = [trial for trial in trials if trial.state == Trial.State.COMPLETE]
    return next(iter(registered or complete), None)


def scores(trials: list[Trial]) -> dict:
    """The means of the complete trials by their number, scaled to a square of 0 to 100, and the ends of the scale."""
    complete = [trial for trial in trials if trial.state == Trial.State.COMPLETE]
    means = [trial.mean for trial in complete]
    low, high, last = min(means, default=0), max(means, default=0), max(len(trials), 2)
    points = [
        {
            "x": (trial.number - 1) / (last - 1) * 100,
            "y": (trial.mean - low) / (high - low) * 100 if high > low else 50,
        }
        for trial in complete
    ]
    return {"points": points, "y_low": low, "y_high": high}
