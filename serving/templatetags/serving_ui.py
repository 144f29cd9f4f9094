"""Display of predicted values, and of the progress and input warnings of a scoring job."""

from django import template
from django.utils import timezone

from mlplatform.number_formats import column_value, duration, number

register = template.Library()

WARNING_LABELS = {
    "imputed": "Missing values, imputed",
    "unseen_category": "Unseen categories",
    "out_of_range": "Values outside the training range",
}


@register.filter
def predicted(value):
    """A class as the API returns it; a number with at most eight significant digits."""
    return f"{value:.8g}" if isinstance(value, float) else str(column_value(value))


@register.filter
def percent_of_rows(job):
    return int(job.progress * 100)


@register.filter
def rows_progress(job):
    """The number of rows done and the estimated time left."""
    elapsed = (timezone.now() - job.started_at).total_seconds()
    left = elapsed * (job.rows - job.rows_done) / job.rows_done if job.rows_done else 0
    estimate = f", about {duration(left)} left" if left > 1 else ""
    return f"{number(job.rows_done)} of {number(job.rows)} rows{estimate}. You can leave this page."


@register.filter
def warning_labels(counts):
    """(label, count) for each kind of input warning that occurred."""
    return [(label, counts[kind]) for kind, label in WARNING_LABELS.items() if counts.get(kind)]
