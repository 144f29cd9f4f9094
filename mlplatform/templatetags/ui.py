"""Template filters for numbers, times, stages, states and sentences, used by pages and admin."""

import re
from collections.abc import Iterable
from datetime import timedelta

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe

from mlplatform.metadata import markdown as descriptions
from mlplatform.number_formats import (
    DASH,
    column_value,
    duration,
    file_size,
    metric,
    number,
    percent,
    short_duration,
    signed,
)

register = template.Library()

for number_format in (number, column_value, metric, signed, file_size, duration, short_duration, percent):
    register.filter(number_format)

STAGES = {
    "dev": ("dev", "slate"),
    "staging": ("staging", "amber"),
    "production": ("production", "green"),
}
STATES = {
    "queued": ("Queued", "grey"),
    "running": ("Running", "blue"),
    "succeeded": ("Succeeded", "green"),
    "failed": ("Failed", "red"),
    "cancelled": ("Cancelled", "grey"),
    "timed_out": ("Timed out", "red"),
    "out_of_memory": ("Out of memory", "red"),
    "lost": ("Lost", "violet"),
}
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))
DATE_AFTER = timedelta(days=30)
# How often a page requests the state of a job, in seconds, by the job's age: at first every second, then less often.
POLL_EVERY_S = ((10, 1), (60, 2), (600, 5))
SLOWEST_POLL_S = 10


@register.filter
def time_ago(value):
    """A time as `5 minutes ago`, with the exact time in the tooltip; after a month as a date."""
    if value is None:
        return DASH
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        local.strftime("%-d %b %Y, %H:%M:%S %Z"),
        _relative(local, timezone.now()),
    )


@register.filter
def poll_seconds(jobs):
    """The seconds until a page requests a job, or the jobs of a list, again; None if all have finished."""
    unfinished = [job for job in (jobs if isinstance(jobs, Iterable) else [jobs]) if not job.is_finished]
    if not unfinished:
        return None
    age = timezone.now() - max(job.started_at or job.requested_at for job in unfinished)
    return next((pause for limit, pause in POLL_EVERY_S if age.total_seconds() < limit), SLOWEST_POLL_S)


@register.filter
def stage_badge(stage):
    """The badge of a stage; a dash for a version that is not live."""
    return _badge(*STAGES[stage]) if stage else DASH


@register.filter
def state_badge(state):
    """The badge of a job state."""
    return _badge(*STATES[state])


@register.filter
def code(text):
    """The names that a sentence has in backticks, as `<code>`; everything else is escaped.

    A sentence that was shortened, and so ends in an ellipsis, can lack the last backtick.
    """
    html = re.sub(r"`([^`]+?)(?:`|(?<=…)$)", r"<code>\1</code>", conditional_escape(text))
    return mark_safe(html)  # noqa: S308 - escaped


@register.filter
def markdown(text):
    """A description in Markdown as HTML."""
    return descriptions.to_html(text)


@register.filter
def first_line(text):
    """The first line of a description in Markdown, as plain text."""
    return descriptions.first_line(text)


@register.filter
def plain(text):
    """A sentence without its backticks, for tooltips."""
    return str(text).replace("`", "")


@register.filter
def heat_class(share):
    """The CSS class that colours a cell by a share of 0 to 1, to avoid inline styles."""
    return f"heat-{round(min(max(share, 0), 1) * 10)}"


def _badge(label, tone):
    return render_to_string("parts/badge.html", {"label": label, "tone": tone})


def _relative(instant, now):
    elapsed = abs(now - instant)
    if elapsed > DATE_AFTER:
        return instant.strftime("%-d %b %Y")
    for seconds, unit in UNITS:
        # Rounded down: 59 minutes are never "1 hour ago".
        if count := int(elapsed.total_seconds() // seconds):
            distance = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{distance} ago" if instant <= now else f"in {distance}"
    return "just now" if instant <= now else "in a moment"
