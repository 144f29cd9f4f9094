from django import forms

from mlplatform.validation.forms import StrictForm

MAX_DESCRIPTION = 10_000


class MetadataForm(StrictForm):
    description = forms.CharField(
        required=False,
        max_length=MAX_DESCRIPTION,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="What the table contains and where it comes from, in Markdown: `**bold**`, `# heading`, `- item`, "
        "`[text](https://address)`. The first line is shown in lists.",
    )
    tags = forms.CharField(
        required=False,
        max_length=2_000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "finance, 2026 q3"}),
        help_text="Separated by commas. Lists and the search find datasets by them.",
    )

    def clean_tags(self) -> list[str]:
        return self.cleaned_data["tags"].split(",")
