"""Template tags of lists: their CSV, and the boxes that select rows. Apart from `ui`, since these need the database."""

from django import template
from django.http import QueryDict
from django.urls import reverse
from django.utils.html import format_html

from mlplatform.lists import saved_filters, selection

register = template.Library()


@register.simple_tag(takes_context=True)
def export_url(context, name, *args, **query):
    """The address of a list as CSV, by the name of its API: with the filters and order of the page, and a `query`."""
    filters = context["filter"].data if "filter" in context else QueryDict()
    parameters = QueryDict(saved_filters.query_of(filters), mutable=True)
    parameters.update({name: value for name, value in query.items() if value} | {"export": "csv"})
    return f"{reverse(name, args=args)}?{parameters.urlencode()}"


@register.simple_tag(takes_context=True)
def select_box(context, parameter, value, label):
    """The box that selects a row of a list; ticked if its user comes back with this selection."""
    return format_html(
        '<input type="checkbox" name="{}" value="{}" aria-label="Select {}"{}>',
        parameter,
        value,
        label,
        " checked" if value in selection.remembered(context["request"]) else "",
    )
