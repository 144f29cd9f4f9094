"""How a predicted value is written, and how the progress and the notices of a scoring job are said."""

from django import template
from django.utils import timezone

from mlplatform.templatetags.ui import duration, number

register = template.Library()

# What stands in a cell that was odd, as a person would say it.
NOTICES = {
    "imputed": "Empty cells, filled in as in training",
    "unseen_category": "Values that training never saw",
    "out_of_range": "Numbers and dates beyond the training's range",
}


@register.filter
def answer(value):
    """A class as the API writes it; a number in at most eight digits, so that it can be read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.8g}" if isinstance(value, float) else str(value)


@register.filter
def percent_of_rows(job):
    return int(job.progress * 100)


@register.filter
def rows_words(job):
    """How many rows are done, and how long the others may take."""
    so_far = (timezone.now() - job.started_at).total_seconds()
    left = so_far * (job.rows - job.rows_done) / job.rows_done if job.rows_done else 0
    rest = f", about {duration(left)} left" if left > 1 else ""
    return f"{number(job.rows_done)} of {number(job.rows)} rows{rest}. You may leave this page."


@register.filter
def notice_words(notices):
    """Each kind of notice in words, with how often it was due."""
    return [(words, notices[kind]) for kind, words in NOTICES.items() if notices.get(kind)]
