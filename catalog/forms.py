from django import forms
from django.conf import settings


class UploadForm(forms.Form):
    file = forms.FileField(
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.parquet,.jsonl,.ndjson,.json,.gz"}),
    )
    name = forms.CharField(
        required=False,
        max_length=255,
        help_text="Empty: the file's own name. `My Sales.csv` becomes my_sales.",
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What the table holds and where it comes from.",
    )
    new_version = forms.BooleanField(
        required=False,
        label="Add as the next version",
        help_text="For a name that is in the catalog already: its earlier versions and their models stay.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = (
            "CSV, TSV, Parquet or JSON lines with a header row, also gzipped, "
            f"{settings.MAX_UPLOAD_MB} MB at most."
        )
