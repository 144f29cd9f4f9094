from django import forms

from mlplatform.validation.forms import StrictForm
from registry.models import CardRevision

MARKDOWN = "In Markdown: `**bold**`, `# heading`, `- item`, `[text](https://address)`."


class CardForm(StrictForm):
    purpose = forms.CharField(
        required=False,
        max_length=CardRevision.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=f"What its predictions are used for, by whom, and what they decide. {MARKDOWN}",
    )
    owner = forms.CharField(
        required=False,
        max_length=CardRevision.MAX_OWNER,
        help_text="The person or team that answers for it, with an address.",
    )
    limits = forms.CharField(
        required=False,
        max_length=CardRevision.MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=f"What it must not be used for, and where its predictions are known to be wrong. {MARKDOWN}",
    )
    # The revision that the texts were written on.
    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
