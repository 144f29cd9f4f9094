from django import forms
from django.conf import settings

from catalog.readers.formats import EXTENSIONS
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


class UploadForm(StrictForm):
    file = forms.FileField(
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ",".join(f".{extension}" for extension in EXTENSIONS)}),
    )
    name = forms.CharField(
        required=False,
        max_length=255,
        help_text="Defaults to the file name: `My Sales.csv` becomes `my_sales`.",
    )
    description = forms.CharField(
        required=False,
        max_length=MAX_DESCRIPTION,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What the table contains and where it comes from, in Markdown.",
    )
    new_version = forms.BooleanField(
        required=False,
        label="Add as a new version",
        help_text="Required if the dataset exists. Earlier versions and their models are kept.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = (
            "CSV, TSV, Parquet or JSON lines, optionally compressed (gzip, bzip2, xz, zstd, ZIP). "
            f"The limit is {settings.MAX_UPLOAD_MB} MB."
        )
