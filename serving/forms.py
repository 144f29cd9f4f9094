"""The forms of a stage: one row of the model's signature, filled with an example, and a file to predict."""

import re

from django import forms
from django.core.exceptions import ValidationError

from mlplatform.number_formats import column_value
from mlplatform.validation.forms import StrictForm

PREFIX = "input-"
MAX_CHOICES = 30  # more categories are typed, not listed
MAX_FIELDS = 100  # more columns are one JSON text: nobody fills in that many fields
MISSING = ""
BOOLEANS = {"true": True, "false": False}


class NumberField(forms.FloatField):
    """A number as it was entered: an integer can have more digits than a float."""

    def to_python(self, value):
        number = super().to_python(value)
        text = str(value).strip()
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else number


def form_field(column: dict) -> forms.Field:
    """The form field of an input column; empty is missing."""
    common = {"required": False, "label": column["name"], "help_text": hint(column)}
    kind, categories = column["type"], column.get("categories", [])
    if kind in {"integer", "number"}:
        attrs = {"step": "1" if kind == "integer" else "any", "placeholder": "missing"}
        return NumberField(**common, widget=forms.NumberInput(attrs=attrs))
    if kind == "boolean":
        return forms.ChoiceField(
            **common, choices=[(MISSING, "missing"), ("true", "true"), ("false", "false")]
        )
    # Categories can be blank or have surrounding spaces, so text is not stripped.
    if kind == "text" and 0 < len(categories) <= MAX_CHOICES:
        return forms.ChoiceField(
            **common, choices=[(MISSING, "missing"), *((value, value) for value in categories)]
        )
    return forms.CharField(
        **common, strip=kind != "text", widget=forms.TextInput(attrs={"placeholder": "missing"})
    )


def hint(column: dict) -> str:
    """The range or some categories of the column in training."""
    if column.get("min") is not None:
        return f"Training range: {column_value(column['min'])} to {column_value(column['max'])}"
    if len(column.get("categories", [])) > MAX_CHOICES:
        return "For example " + ", ".join(value[:20] for value in column["categories"][:3])
    return ""


class FileForm(StrictForm):
    """A file to predict row by row."""

    file = forms.FileField(
        label="File",
        help_text="CSV or Parquet, with the model's columns by name; other columns are kept. Files over 8 MB or "
        "250,000 rows, and files that take more than 5 seconds, run in the background as a scoring job.",
    )
    probabilities = forms.BooleanField(required=False, label="Include class probabilities")

    def for_signature(self, signature: dict | None) -> "FileForm":
        """Remove the field for probabilities if the model does not support them."""
        if signature and not signature["probabilities"]:
            del self.fields["probabilities"]
        return self


class TryForm(StrictForm):
    """One row: a field per input column, or one JSON text if there are too many columns.

    It begins with `row`, by default the example of the signature.
    """

    def __init__(self, data=None, *, signature: dict, row: dict | None = None):
        super().__init__(data)
        self.inputs = signature["inputs"]
        row = row or signature["example"]
        if len(self.inputs) > MAX_FIELDS:
            self.fields["row"] = forms.JSONField(
                label=f"One row of {len(self.inputs):,} columns",
                initial=row,
                help_text="A JSON object keyed by column name; null is missing.",
                widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
            )
            return
        for index, column in enumerate(self.inputs):  # by index: a column's name can be any text
            field = form_field(column)
            value = row[column["name"]]
            field.initial = str(value).lower() if isinstance(value, bool) else value
            if isinstance(field, forms.ChoiceField) and value is not None:
                choices = dict(field.choices)
                choices.setdefault(field.initial, field.initial)  # a category that only test rows have
                field.choices = list(choices.items())
            self.fields[f"{PREFIX}{index}"] = field

    def as_submitted(self) -> dict:
        """What a browser submits of the form as it begins."""
        return {field.name: "" if (value := field.value()) is None else value for field in self}

    @property
    def is_wide(self) -> bool:
        return "row" in self.fields

    def clean_row(self):
        if not isinstance(self.cleaned_data["row"], dict):
            raise ValidationError(
                'The row must be a JSON object: {"column": value, ...}.', code="invalid_input"
            )
        return self.cleaned_data["row"]

    def row(self) -> dict:
        """The cleaned row, keyed by column name, as the API accepts it."""
        if self.is_wide:
            return self.cleaned_data["row"]
        values = {}
        for index, column in enumerate(self.inputs):
            value = self.cleaned_data[f"{PREFIX}{index}"]
            if value in {MISSING, None}:
                value = None
            elif column["type"] == "boolean":
                value = BOOLEANS[value]
            elif column["type"] == "integer" and value == int(value):
                value = int(value)
            values[column["name"]] = value
        return values
