"""How a training job's time and progress, and a parameter's value, are said on a page."""

from django import template
from django.utils import timezone

from mlplatform.templatetags.ui import duration
from registry import charts
from registry.fields import shown

register = template.Library()

STAGES = {
    "loading": "Reading the dataset",
    "checking": "Checking the columns",
    "fitting": "Fitting the model",
    "evaluating": "Measuring it on the held-out rows",
    "saving": "Saving the model",
}


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
    """By the time that such trainings took before; else nobody knows how long a fit takes, so it has no figure."""
    if job.expected_s:
        return min(round(took(job).total_seconds() / job.expected_s * 100), 99)
    return None if job.stage in {"", "fitting"} else round(job.progress * 100)


@register.filter
def running_words(job):
    so_far = took(job)
    left = (job.expected_s or 0) - so_far.total_seconds()
    rest = f", about {duration(left)} left" if left > 1 else ""
    return f"Running for {duration(so_far)}{rest}. You may leave this page."


register.filter("shown", shown)


@register.filter
def brief(value):
    """The end of a column's range in at most six digits; dates as they are."""
    return f"{value:.6g}" if isinstance(value, float) else value


@register.filter
def headline_name(task):
    return charts.HEADLINES[task].removesuffix("_score")
