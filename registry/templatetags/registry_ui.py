"""How a training job's time and progress, and a parameter's value, are said on a page."""

from datetime import datetime

from django import template
from django.utils import timezone

from mlplatform.templatetags.ui import duration
from registry.estimators.form_fields import shown
from registry.jobs.attempt import STAGES as SHARES
from registry.querysets import HEADLINE_METRICS

register = template.Library()

STAGES = {
    "loading": "Reading the dataset",
    "checking": "Checking the columns",
    "fitting": "Fitting the model",
    "evaluating": "Measuring it on the held-out rows",
    "saving": "Saving the model",
}


FITTING_BEGINS = SHARES["fitting"][0]


@register.filter
def waited(job):
    """From the request until the (last) start, or until now."""
    return (job.started_at or job.finished_at or timezone.now()) - job.requested_at


@register.filter
def took(job):
    """From the start until the end, or until now; nothing before the start."""
    return job.started_at and (job.finished_at or timezone.now()) - job.started_at


@register.filter
def stage_words(job):
    return STAGES.get(job.stage, "Starting")


@register.filter
def percent_done(job):
    """As far as the training itself reports, else by the time that such trainings took before.

    Many fits report nothing: without experience they have no figure, since a bar that stands still misleads.
    """
    if job.stage not in {"", "fitting"} or job.progress > FITTING_BEGINS:
        return round(job.progress * 100)
    if job.expected_s:
        return min(round(took(job).total_seconds() / job.expected_s * 100), 99)
    return None


@register.filter
def running_words(job):
    so_far = took(job)
    left = (job.expected_s or 0) - so_far.total_seconds()
    rest = f", about {duration(left)} left" if left > 1 else ""
    return f"Running for {duration(so_far)}{rest}. You may leave this page."


@register.filter
def stage_times(job):
    """The stages that were begun, with the seconds that each took."""
    begun = [(name, datetime.fromisoformat(instant)) for name, instant in job.timings]
    ends = [instant for _, instant in begun[1:]] + [job.finished_at or timezone.now()]
    return [(STAGES.get(name, name), end - start) for (name, start), end in zip(begun, ends, strict=False)]


@register.filter
def last_lines(text):
    """The end of a log, as much as is read at a glance."""
    return "\n".join(text.splitlines()[-12:])


register.filter("shown", shown)


@register.filter
def brief(value):
    """The end of a column's range in at most six digits; dates as they are."""
    return f"{value:.6g}" if isinstance(value, float) else value


@register.filter
def headline_name(task):
    return HEADLINE_METRICS[task].removesuffix("_score")
