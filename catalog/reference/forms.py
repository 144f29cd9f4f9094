from django import forms

from catalog.objects.location import MAX_LENGTH
from mlplatform.validation.forms import StrictForm


class RegisterForm(StrictForm):
    """Files that lie elsewhere, and the dataset that they become."""

    uri = forms.CharField(
        label="Address",
        max_length=MAX_LENGTH,
        help_text="Of Parquet or CSV files. A `*` in the last part stands for any characters.",
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "off"}),
    )
    name = forms.CharField(max_length=255, help_text="Of the dataset.")
    description = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3}), help_text="In Markdown."
    )
    new_version = forms.BooleanField(
        required=False, label="Add as a new version", help_text="If a dataset of this name exists."
    )
