"""Template filters for training jobs: times and progress; for the parameters of a model; and for lists of versions."""

import contextlib
from datetime import datetime

from django import template
from django.core.exceptions import ValidationError
from django.utils import timezone

from mlplatform.number_formats import duration
from mlplatform.templatetags.lists import select_box
from registry.estimators import algorithms
from registry.estimators.form_fields import shown
from registry.evaluation import definitions
from registry.jobs import attempt
from registry.training import preparation, split_methods
from registry.training.request import TrainingRequest

register = template.Library()

STAGE_LABELS = {
    "loading": "Reading the dataset",
    "checking": "Checking the columns",
    "fitting": "Fitting the model",
    "evaluating": "Evaluating the model",
    "cross-validating": "Evaluating it in folds",
    "refitting": "Fitting it again on all rows",
    "saving": "Saving the model",
    "trials": "Running trials",
}
ITERATIONS = {
    "n_estimators": "tree",
    "iterations": "tree",
    "max_iter": "iteration",
}  # what a fit reports, by the parameter with their number
LOG_LINES = 12


@register.filter
def preparation_label(name):
    return preparation.LABELS.get(name, name)


@register.filter
def test_rows(job):
    """The rows that the model is measured on: "the newest 20 % of the rows by `date`"."""
    request = TrainingRequest.from_dict(job.request)
    return split_methods.description(request.split, test_size=request.test_size)


@register.filter
def queue_time(job):
    """From the request until the latest start, or until now."""
    return (job.started_at or job.finished_at or timezone.now()) - job.requested_at


@register.filter
def run_time(job):
    """From the start until the end, or until now; None before the start."""
    return job.started_at and (job.finished_at or timezone.now()) - job.started_at


@register.filter
def stage_label(job):
    """The stage, and while fitting the iteration: "Fitting the model: tree 32 of 400"."""
    label = STAGE_LABELS.get(job.stage, "Starting")
    if not (share := fit_share(job)):
        return label
    defaults = {}
    with contextlib.suppress(ValidationError):  # its framework may be installed for workers only
        defaults = {one.name: one.default for one in algorithms.find(job.class_name).parameters}
    params = defaults | job.request["model"]["params"]
    name = next((name for name in ITERATIONS if name in params), None)
    return f"{label}: {ITERATIONS[name]} {round(share * params[name])} of {params[name]}" if name else label


@register.filter
def is_clustering(job) -> bool:
    """False for an algorithm that this version of scikit-learn no longer has."""
    found = (algorithm for algorithm in algorithms.all_algorithms() if algorithm.name == job.class_name)
    return any(algorithm.task == "clustering" for algorithm in found)


@register.filter
def progress_percent(job):
    """The share of the iterations of a fit, else an estimate from the duration of earlier trainings.

    None without either, since many algorithms report nothing and a bar that does not move is misleading.
    """
    if share := fit_share(job):
        return round(share * 100)
    if job.stage in {"", "fitting"} and job.expected_s:
        return min(round(run_time(job).total_seconds() / job.expected_s * 100), 99)
    return None


@register.filter
def time_left(job):
    elapsed = run_time(job)
    remaining = (job.expected_s or 0) - elapsed.total_seconds()
    if share := fit_share(job):
        began = datetime.fromisoformat(job.timings[-1][1])
        remaining = (timezone.now() - began).total_seconds() * (1 - share) / share
    estimate = f", about {duration(remaining)} left" if remaining > 1 else ""
    return f"Running for {duration(elapsed)}{estimate}. You can leave this page."


def fit_share(job) -> float:
    """The share of the iterations of a running fit that are done, from 0 to 1; 0 if it reports none."""
    start, end = attempt.STAGES["fitting"]
    share = (job.progress - start) / (end - start) if job.stage == "fitting" else 0
    return min(max(share, 0), 1)


@register.filter
def stage_times(job):
    """The label and the duration of each stage that has started."""
    starts = [(name, datetime.fromisoformat(instant)) for name, instant in job.timings]
    ends = [instant for _, instant in starts[1:]] + [job.finished_at or timezone.now()]
    return [
        (STAGE_LABELS.get(name, name), end - start) for (name, start), end in zip(starts, ends, strict=False)
    ]


@register.filter
def last_lines(log):
    return "\n".join(log.splitlines()[-LOG_LINES:])


register.filter("shown", shown)


@register.filter
def labelled(values, labels):
    """Each value of a row with the label of its column, for tables that are label-value rows on small screens."""
    return list(zip(labels, values, strict=True))


@register.filter
def headline_name(model):
    return definitions.primary(model.primary_metric, task=model.task).label


@register.simple_tag(takes_context=True)
def select_version(context, dataset, number):
    """The box that selects a model version in a list: see registry/_select_versions.html."""
    return select_box(context, "model", f"{dataset}/{number}", f"{dataset} version {number}")
