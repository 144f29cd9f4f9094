from django import forms
from django.core.exceptions import ValidationError

from catalog.models import Dataset
from mlplatform import json_parser
from mlplatform.validation.forms import StrictForm
from registry.estimators.form_fields import SearchSelect
from registry.imports.formats import FORMATS
from registry.imports.importing import MAX_FILE_MB

SUFFIXES = [suffix for one in FORMATS.values() for suffix in one.suffixes]
EXACT = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
ADVANCED = ("dataset_version", "features", "classes", "signature")


class ImportForm(StrictForm):
    file = forms.FileField(
        allow_empty_file=True,
        max_length=255,
        widget=forms.FileInput(attrs={"accept": ",".join(SUFFIXES)}),
        help_text="A pipeline of scikit-learn, saved with `skops.io.dump(pipeline, 'model.skops')`, or a model file of "
        f"XGBoost (JSON, UBJSON), LightGBM (text) or ONNX. At most {MAX_FILE_MB} MB.",
    )
    dataset = forms.CharField(
        widget=SearchSelect,
        help_text="Its next model version. The model is measured on the rows of the dataset.",
    )
    target = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs=EXACT),
        help_text="The column of the dataset that the model predicts.",
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Where it was trained, and on what.",
    )
    dataset_version = forms.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="To measure it on; the latest by default."
    )
    features = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4} | EXACT),
        max_length=1024**2,
        help_text="The columns that it was fitted on, one a line, in its order. Only for a model that does not name "
        "its columns; by default all but the target.",
    )
    classes = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3} | EXACT),
        max_length=1024**2,
        help_text="The names of the classes, one a line, of a model that predicts the numbers from 0, in their order.",
    )
    signature = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6} | EXACT),
        max_length=1024**2,
        help_text='Instead of a target, for a model that no dataset fits: JSON such as `{"inputs": [{"name": "length", '
        '"type": "number"}], "target": "species"}`. The types are integer, number, text, boolean and date. Such a '
        "model is not measured.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        names = Dataset.objects.order_by("name").values_list("name", flat=True)
        self.fields["dataset"].widget.choices = [
            (None, [("", "Select a dataset"), *((name, name) for name in names)])
        ]

    @property
    def main_fields(self) -> list:
        return [field for field in self if field.name not in ADVANCED]

    @property
    def advanced_fields(self) -> list:
        return [field for field in self if field.name in ADVANCED]

    @property
    def is_advanced(self) -> bool:
        """Whether an advanced field has a value or an error, or an error names one."""
        sentences = [sentence for errors in self.errors.values() for sentence in errors]
        return any(
            field.value() or field.errors or any(f"`{field.name}`" in sentence for sentence in sentences)
            for field in self.advanced_fields
        )

    def clean_features(self) -> list[str] | None:
        return self.cleaned_data["features"].splitlines() or None

    def clean_classes(self) -> list[str] | None:
        return self.cleaned_data["classes"].splitlines() or None

    def clean_signature(self) -> dict | None:
        text = self.cleaned_data["signature"]
        if not text:
            return None
        try:
            value = json_parser.loads(text.encode())
        except ValidationError as error:
            if error.code != "parse_error":
                raise
            value = None
        if not isinstance(value, dict):
            raise ValidationError("Must be a JSON object.", code="not_json")
        return value

    def add_operation_error(self, error: ValidationError) -> None:
        """Put the sentences of the operation on its fields, which have other names in the API."""
        if not hasattr(error, "error_dict"):
            return self.add_error(None, error)
        names = {"target_column": "target"}
        for name, errors in error.error_dict.items():
            field = names.get(name, name)
            self.add_error(field if field in self.fields else None, errors)
        return None
