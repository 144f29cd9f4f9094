"""Controls of the form of a receipt, rendered without templates: a page of 100 columns has 600, with 10,000 options.

Django's take a template for each option: 2 s a page on an idle machine, these 0.1 s.
"""

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join


class Choices(forms.Select):
    def render(self, name, value, attrs=None, renderer=None):
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            (
                (key, " selected" if str(key) == str(value or "") else "", label)
                for key, label in self._all_choices(value)
            ),
        )
        attributes = flatatt(self.build_attrs(self.attrs, {**(attrs or {}), "name": name}))
        return format_html("<select{}>{}</select>", attributes, options)

    def _all_choices(self, value):
        """With the value that was sent, also if it is none of them: its error stands beside it."""
        choices = list(self.choices)
        is_known = any(str(key) == str(value or "") for key, _ in choices)
        return choices if is_known else [*choices, (value, value)]


class Text(forms.TextInput):
    def render(self, name, value, attrs=None, renderer=None):
        shown = {} if value in (None, "") else {"value": str(value)}
        attributes = {**(attrs or {}), "name": name, "type": self.input_type, **shown}
        return format_html("<input{}>", flatatt(self.build_attrs(self.attrs, attributes)))


class Hidden(Text, forms.HiddenInput):
    input_type = "hidden"
