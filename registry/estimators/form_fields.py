"""Fields of the training form: a searchable list, names of columns, and a parameter of an algorithm."""

import json
from html import escape

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry.estimators import algorithms
from registry.estimators.parameters import Parameter

WORDS = {"true": True, "false": False, "none": None, "null": None}


class SearchSelect(forms.Select):
    """A list that search.js makes searchable. Its choices are [(group or None, [(value, label), ...])].

    Renders its options itself: for 5,000 columns Django's widget takes half a second, and format_html 80 ms.
    """

    def render(self, name, value, attrs=None, renderer=None):
        attributes = self.build_attrs(self.attrs, (attrs or {}) | {"name": name, "data-search": ""})
        groups = [
            format_html('<optgroup label="{}">{}</optgroup>', group, options(choices, value))
            if group
            else options(choices, value)
            for group, choices in self.choices
        ]
        return format_html(
            "<select{}>{}</select>",
            format_html_join("", ' {}="{}"', attributes.items()),
            format_html_join("", "{}", ((group,) for group in groups)),
        )


def options(choices, selected) -> SafeString:
    selected = str(selected)
    lines = [
        f'<option value="{escape(value)}"{" selected" if value == selected else ""}>{escape(label)}</option>'
        for value, label in choices
    ]
    return SafeString("".join(lines))  # every value and label is escaped above


class AlgorithmField(forms.CharField):
    """The class name of an algorithm; empty means the usual one for the target."""

    def clean(self, value):
        return algorithms.find(value).name if value else ""


class ParameterField(forms.CharField):
    """One parameter of an algorithm; empty means its default. The help text names the allowed values."""

    def __init__(self, parameter: Parameter):
        self.parameter = parameter
        # In a form, empty means the default, so null is written as `none`.
        allowed = parameter.allowed.replace("or null", "or none")
        super().__init__(
            required=False,
            label=parameter.name,
            help_text=f"{parameter.help} {allowed[:1].upper()}{allowed[1:]}.".strip(),
            max_length=10_000,
            widget=widget(parameter),
        )

    def clean(self, value):
        """Whether the field has a value, and the parameter's value."""
        text = super().clean(value).strip()
        return (False, None) if text == "" else (True, parse(text, self.parameter))


class ColumnNamesField(forms.CharField):
    """Names of columns, one per line."""

    def __init__(self, names: list[str], *, help_text: str):
        super().__init__(
            required=False,
            max_length=3_000_000,
            help_text=f"{help_text} One name per line.",
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        )
        self.names = set(names)

    def clean(self, value) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        for name in lines:
            if name not in self.names:
                raise ValidationError(
                    f"`{name[:100]}` is not a column of this dataset.", code="unknown_column"
                )
        return lines


def grouped_algorithms(tasks: list[str] | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """The choices of these tasks in that order, and clusterers, which fit any target; of all tasks for None."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for algorithm in algorithms.all_algorithms():
        groups.setdefault(algorithm.task, []).append((algorithm.name, algorithm.name))
    return [(task, groups[task]) for task in (groups if tasks is None else [*tasks, "clustering"])]


def shown(value) -> str:
    """A parameter's value as it is entered in a form."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def widget(parameter: Parameter) -> forms.Widget:
    """A list for enumerable values, a number field for numbers, else a text field."""
    kinds = set(parameter.kinds)
    default = shown(parameter.default)
    if kinds <= {"choice", "boolean", "none"}:
        values = [*parameter.choices, *(["true", "false"] if "boolean" in kinds else [])]
        values += ["none"] if "none" in kinds else []
        return forms.Select(choices=[("", f"{default} (default)"), *((value, value) for value in values)])
    if kinds in ({"integer"}, {"number"}) or (kinds <= {"integer", "none"} and parameter.default is None):
        bounds = {"min": parameter.low, "max": parameter.high}
        attrs = {
            name: int(bound)
            for name, bound in bounds.items()
            if bound is not None and float(bound).is_integer()
        }
        step = 1 if "integer" in kinds else "any"
        return forms.NumberInput(attrs=attrs | {"step": step, "placeholder": default})
    return text_widget(parameter)


def text_widget(parameter: Parameter) -> forms.Widget:
    """A text field with the default in grey."""
    attrs = {"placeholder": shown(parameter.default), "autocomplete": "off", "spellcheck": "false"}
    return forms.TextInput(attrs=attrs)


def parse(text: str, parameter: Parameter):
    """The JSON value of an input: a choice, true, false or none, a number, a list or an object, else a string."""
    if text in parameter.choices:
        return text
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
