"""How a predicted value is written."""

from django import template

register = template.Library()


@register.filter
def answer(value):
    """A class as the API writes it; a number in at most eight digits, so that it can be read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.8g}" if isinstance(value, float) else str(value)
