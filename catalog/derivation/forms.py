from django import forms

from catalog.derivation.syntax import MAX_LENGTH
from mlplatform.validation.forms import StrictForm

EXAMPLE = "SELECT region, sum(amount) AS revenue\nFROM orders\nGROUP BY region\nORDER BY region"


class QueryForm(StrictForm):
    """A query, and the dataset that its result becomes."""

    sql = forms.CharField(
        label="Query",
        max_length=MAX_LENGTH,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 10,
                "spellcheck": "false",
                "autocapitalize": "off",
                "autocomplete": "off",
                "placeholder": EXAMPLE,
            }
        ),
        help_text="One SELECT of DuckDB. Tables are datasets: `orders` is the newest version, "
        '`"orders@3"` is version 3.',
    )
    name = forms.CharField(max_length=255, help_text="Of the dataset that the result becomes.")
    new_version = forms.BooleanField(
        required=False,
        label="Add as a new version",
        help_text="If a dataset of this name exists.",
    )
    on_new_version = forms.BooleanField(
        required=False,
        label="Run again by itself",
        help_text="When a dataset that is named without a version gets a new one.",
    )


class PreviewForm(QueryForm):
    """The same form before it is complete: only the query is checked."""

    name = forms.CharField(max_length=255, required=False, help_text=QueryForm.base_fields["name"].help_text)
