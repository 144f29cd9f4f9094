"""Template filters for numbers, sizes, times, stages and job states, used by pages and admin."""

import math
import re
from collections.abc import Iterable
from datetime import timedelta

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe

from mlplatform.metadata import markdown as descriptions
from mlplatform.plots.axes import with_minus

register = template.Library()

DASH = "–"
# A narrow no-break space before a percent sign.
THIN_SPACE = "\u202f"

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
def number(value):
    """`1234567` -> `1,234,567`, as in sentences; the decimals of a float are kept."""
    if _is_missing(value):
        return DASH
    return f"{value:,}"


@register.filter
def column_value(value, digits=6):
    """A value or a mean of a column, a float with this many significant digits, a boolean as `true` or `false`.

    Without thousands separators and with a hyphen as its sign, as in the file: it may be a year or an identifier, and
    can be copied into a form.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float) or abs(value) >= 1e15:
        return value
    return str(round(value)) if abs(value) >= 10**digits else f"{value:.{digits}g}"


@register.filter
def metric(value):
    """Four significant digits: `0.9667`, `53.37`, `−2,934`; `3.2e−05` for what four decimals would round to zero."""
    if _is_missing(value):
        return DASH
    size = abs(float(value))
    if 0 < size < 0.00005:
        return with_minus(f"{value:.1e}")
    decimals = 4 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return with_minus(f"{float(value):,.{decimals}f}")


@register.filter
def signed(value):
    """A difference of metrics with its sign: `+0.0123`, `−3.20`."""
    if _is_missing(value):
        return DASH
    return ("+" if value > 0 else "−" if value < 0 else "±") + metric(abs(value))


@register.filter
def file_size(value):
    """Bytes as `812 bytes`, `4.2 KB`, `120 MB`; a KB is 1024 bytes, as in the upload limit."""
    if _is_missing(value):
        return DASH
    if value < 1024:
        return f"{value} byte{'' if value == 1 else 's'}"
    size, unit = value / 1024, "KB"
    for bigger in ("MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1024, bigger
    return f"{size:.1f} {unit}" if size < 9.95 else f"{size:.0f} {unit}"


@register.filter
def duration(value):
    """Seconds or a timedelta as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if _is_missing(seconds):
        return DASH
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@register.filter
def short_duration(seconds):
    """Seconds of a fast operation with two digits: `52 µs`, `3.1 ms`, `1.2 s`."""
    if _is_missing(seconds):
        return DASH
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= 0.9995 * size:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"
    return f"{seconds * 1e6:.0f} µs"


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


@register.filter
def percent(share):
    """A share of 0 to 1 as `96.7 %`; `100 %` and `0 %` only for exact values."""
    if _is_missing(share):
        return DASH
    if 0 < share < 0.001:
        return f"< 0.1{THIN_SPACE}%"
    if 0.999 < share < 1:
        return f"> 99.9{THIN_SPACE}%"
    return f"{share * 100:.0f}{THIN_SPACE}%" if share in (0, 1) else f"{share * 100:.1f}{THIN_SPACE}%"


def _is_missing(value):
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))


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
