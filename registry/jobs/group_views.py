"""The pages of training groups."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import redirect, render

from mlplatform.auth import permissions
from mlplatform.lists.pagination import requested_page
from mlplatform.number_formats import metric
from mlplatform.plots import axes
from mlplatform.plots.plot import TABLE_ROWS, Plot, Table, spread, text
from registry.evaluation import definitions
from registry.jobs import submission
from registry.jobs.filters import GroupFilter
from registry.models import ModelVersion, TrainingGroup, Trial
from registry.search import leaderboard

SHOWN_TRIALS = 50
MIN_DRAWN = 5


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
    has_versions = any(trial.model_version_id for trial in trials)
    context = {
        "group": group,
        "job": group.job,
        "version": version,
        "best": best_of(trials, version),
        "trials": trials[:SHOWN_TRIALS],
        "count": len(trials),
        "has_versions": has_versions,
        # A page that reloads itself forgets what is selected.
        "select": group.job.is_finished and has_versions,
        "failed": sum(trial.state == Trial.State.FAILED for trial in trials),
        "scores": scores(group, trials),
    }
    template = "registry/_group.html" if request.htmx else "registry/group.html"
    return render(request, template, context)


def best_of(trials: list[Trial], version: ModelVersion | None) -> Trial | None:
    """The trial that became the version, or the best complete one so far: its last fit can fail."""
    registered = [trial for trial in trials if version and trial.model_version_id == version.pk]
    complete = [trial for trial in trials if trial.state == Trial.State.COMPLETE]
    return next(iter(registered or complete), None)


def scores(group: TrainingGroup, trials: list[Trial]) -> Plot | None:
    """The mean of each complete trial by its number; None for too few to draw."""
    complete = sorted((t for t in trials if t.state == Trial.State.COMPLETE), key=lambda t: t.number)
    if len(complete) < MIN_DRAWN:
        return None
    numbers, means = [trial.number for trial in complete], [trial.mean for trial in complete]
    label = definitions.BY_NAME[group.metric].label
    plot = Plot(
        f"{label} by trial",
        axes.around([1, *numbers], "trial"),
        axes.around(means, f"mean {label} of the folds"),
        f"Scatter plot of {len(complete)} complete trials, from the first to the last.",
        table=Table(
            ["Trial", label],
            [[text(numbers[i]), metric(means[i])] for i in spread(len(means), TABLE_ROWS)],
        ),
    )
    plot.dots(numbers, means)
    return plot
