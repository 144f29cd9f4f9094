"""The try-it form, built from a model's signature and filled with a real row."""

from django import forms
from django.core.exceptions import ValidationError

PREFIX = "input-"
FEW = 30  # more categories than this are typed, not listed
MANY = 100  # more columns than this are one text: nobody fills in that many fields
MISSING = ""
BOOLEANS = {"true": True, "false": False}


def control(column: dict) -> forms.Field:
    """One field for one input column; empty is missing."""
    common = {"required": False, "label": column["name"], "help_text": hint(column)}
    kind, categories = column["type"], column.get("categories", [])
    if kind in {"integer", "number"}:
        attrs = {"step": "1" if kind == "integer" else "any", "placeholder": "missing"}
        return forms.FloatField(**common, widget=forms.NumberInput(attrs=attrs))
    if kind == "boolean":
        return forms.ChoiceField(
            **common, choices=[(MISSING, "missing"), ("true", "true"), ("false", "false")]
        )
    # A category may be blank or have spaces around it, so nothing is trimmed.
    if kind == "text" and 0 < len(categories) <= FEW:
        return forms.ChoiceField(
            **common, choices=[(MISSING, "missing"), *((value, value) for value in categories)]
        )
    return forms.CharField(
        **common, strip=kind != "text", widget=forms.TextInput(attrs={"placeholder": "missing"})
    )


def hint(column: dict) -> str:
    """What the training data held, in the space of a help line."""
    if column.get("min") is not None:
        low, high = column["min"], column["max"]
        span = f"{low} to {high}" if column["type"] == "date" else f"{low:.6g} to {high:.6g}"
        return f"{span} in training"
    if len(column.get("categories", [])) > FEW:
        return "such as " + ", ".join(value[:20] for value in column["categories"][:3])
    return ""


class FileForm(forms.Form):
    """A table to predict row by row."""

    file = forms.FileField(
        label="Table",
        help_text="CSV or Parquet, with the model's columns by name. Other columns stay as they are. What has more "
        "than 8 MB or 250\u202f000 rows, or takes more than 5 seconds, is predicted as a job that you can watch and "
        "leave.",
    )
    probabilities = forms.BooleanField(required=False, label="With the probability of each class")

    def suited(self, signature: dict | None) -> "FileForm":
        """The form as it is shown for a model: probabilities are offered where it gives some."""
        if signature and not signature["probabilities"]:
            del self.fields["probabilities"]
        return self


class TryForm(forms.Form):
    def __init__(self, data=None, *, signature: dict):
        super().__init__(data)
        self.inputs = signature["inputs"]
        if len(self.inputs) > MANY:
            self.fields["row"] = forms.JSONField(
                label=f"One row of {len(self.inputs):,} columns",
                initial=signature["example"],
                help_text="A JSON object by column name; null is missing.",
                widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
            )
            return
        for index, column in enumerate(self.inputs):  # by position: a column's name may be anything
            field = control(column)
            example = signature["example"][column["name"]]
            field.initial = str(example).lower() if isinstance(example, bool) else example
            self.fields[f"{PREFIX}{index}"] = field

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
        """The row as a program would send it, by column name."""
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
