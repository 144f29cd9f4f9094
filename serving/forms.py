"""The try-it form, built from a model's signature and filled with a real row."""

from django import forms

PREFIX = "input-"
FEW = 30  # more categories than this are typed, not listed
MISSING = ""
BOOLEANS = {"true": True, "false": False}


def control(column: dict) -> forms.Field:
    """One field for one input column; empty is missing."""
    common = {"required": False, "label": column["name"]}
    kind = column["type"]
    if kind in {"integer", "number"}:
        step = "1" if kind == "integer" else "any"
        help_text = _range(column)
        return forms.FloatField(
            **common,
            help_text=help_text,
            widget=forms.NumberInput(attrs={"step": step, "placeholder": "missing"}),
        )
    if kind == "boolean":
        return forms.ChoiceField(
            **common, choices=[(MISSING, "missing"), ("true", "true"), ("false", "false")]
        )
    if kind == "text" and 0 < len(column.get("categories", [])) <= FEW:
        listed = [(value, value) for value in column["categories"]]
        return forms.ChoiceField(**common, choices=[(MISSING, "missing"), *listed])
    hint = "A date such as 2026-01-31." if kind == "date" else ""
    return forms.CharField(**common, help_text=hint, widget=forms.TextInput(attrs={"placeholder": "missing"}))


def _range(column: dict) -> str:
    if column.get("min") is None:
        return ""
    return f"In the training data from {column['min']:.6g} to {column['max']:.6g}."


class TryForm(forms.Form):
    def __init__(self, data=None, *, signature: dict):
        super().__init__(data)
        self.inputs = signature["inputs"]
        for index, column in enumerate(self.inputs):  # by position: a column's name may be anything
            field = control(column)
            example = signature["example"][column["name"]]
            field.initial = str(example).lower() if isinstance(example, bool) else example
            self.fields[f"{PREFIX}{index}"] = field

    def row(self) -> dict:
        """The row as a program would send it, by column name."""
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
