"""The template of select elements has the elements and attributes of Django's."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from pytest_django.asserts import assertHTMLEqual

CHOICES = [("", "All"), ("a&b", '<b>"bold"</b>'), ("grouped", [(1, "one"), (1000, "many")])]


class OptionsWithAttributes(forms.Select):
    def create_option(self, name, value, *args, **fields):
        option = super().create_option(name, value, *args, **fields)
        option["attrs"] |= {"disabled": value == "", "data-note": '"quoted"', "data-size": 1234.5}
        return option


@pytest.mark.parametrize("widget", [forms.Select, forms.SelectMultiple, OptionsWithAttributes])
@pytest.mark.parametrize("value", ["", "a&b", 1000, None, ["1", "1000"]], ids=str)
def test_a_select_is_that_of_django(widget, value):
    shown = widget(attrs={"required": True, "hidden": False, "data-x": '"<'}, choices=CHOICES)
    ours = shown.render("stage", value)
    assert "&lt;b&gt;&quot;bold&quot;&lt;/b&gt;" in ours
    assertHTMLEqual(ours, shown.render("stage", value, renderer=DjangoTemplates()))
