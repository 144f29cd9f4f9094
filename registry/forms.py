"""Forms of the registry: training, with a field for each parameter of the algorithm; promotion and rollback."""

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy

from catalog.models import Dataset
from registry.estimators import algorithms
from registry.estimators.form_fields import ParameterField, SearchSelect, shown
from registry.jobs.submission import NeedsConfirmation
from registry.models import Stage
from registry.training import validation
from registry.training.columns import default_target
from registry.training.request import TrainingRequest

PREFIX = "param-"
UNSUPERVISED = ""  # no column: clusterers
MAX_CHECKBOXES = 150  # with more columns, their names are entered as text
# Another dataset or algorithm has other fields: the page reloads the form and keeps the input.
REFRESH = {"hx-post": reverse_lazy("registry:train"), "hx-vals": '{"refresh": "1"}'}
# The form field for a field of the training request; other errors are shown above the form.
FORM_FIELDS = {
    "features": "excluded_columns",
    "random_state": "random_state",
    "target": "target",
    "test_size": "test_size",
    "timeout_s": "timeout_s",
}


class TrainForm(forms.Form):
    warnings: list[dict] = []  # of the dry run, if they need confirmation

    dataset = forms.CharField(widget=SearchSelect(attrs=REFRESH))
    target = forms.CharField(widget=SearchSelect, help_text="The column to predict.")
    excluded_columns = forms.MultipleChoiceField(
        required=False,
        label="Exclude columns",
        help_text="Columns that are not used as features, such as identifiers.",
        widget=forms.CheckboxSelectMultiple,
    )
    algorithm = forms.CharField(widget=SearchSelect(attrs=REFRESH))
    test_size = forms.FloatField(
        initial=0.2,
        label="Test size",
        help_text="The share of rows that are held out to evaluate the model, between 0 and 1.",
        widget=forms.NumberInput(attrs={"step": "0.05", "min": "0.01", "max": "0.99"}),
    )
    random_state = forms.IntegerField(
        initial=42,
        required=False,
        label="Random state",
        help_text="The seed of the split and the model, for reproducible results. Leave empty for a random seed.",
        widget=forms.NumberInput(attrs={"min": 0, "max": 2**32 - 1}),
    )
    timeout_s = forms.IntegerField(
        required=False,
        label="Time limit",
        help_text="In seconds. Stops a training that takes longer. Leave empty for the platform's limit.",
        widget=forms.NumberInput(attrs={"min": 1}),
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The purpose of this training.",
    )

    def __init__(self, data=None, *, dataset: Dataset, algorithm: algorithms.Algorithm, **kwargs):
        super().__init__(data, **kwargs)
        self.algorithm = algorithm
        self.source = (
            dataset.versions.select_related("dataset").defer("profile", "preview").order_by("-number").first()
        )
        self.initial |= {"dataset": dataset.name, "algorithm": algorithm.name}
        self._set_choices([column["name"] for column in self.source.columns])
        self.fields["dataset"].help_text = f"The latest version, {self.source.number}, is used."
        self.fields["algorithm"].help_text = algorithm.summary
        if algorithm.task == "clustering":
            self.fields[
                "target"
            ].help_text = "Clustering does not use a target: the column is excluded from the features."
            self.fields["target"].required = False
            del self.fields["test_size"]
        for parameter in algorithm.parameters:
            self.fields[PREFIX + parameter.name] = ParameterField(parameter)

    def _set_choices(self, names: list[str]) -> None:
        fields, is_clustering = self.fields, self.algorithm.task == "clustering"
        datasets = Dataset.objects.order_by("name").values_list("name", flat=True)
        fields["dataset"].widget.choices = [(None, [(name, name) for name in datasets])]
        fields["algorithm"].widget.choices = grouped_algorithms()
        none = [(UNSUPERVISED, "none (use all columns)")] if is_clustering else []
        fields["target"].widget.choices = [(None, [*none, *((name, name) for name in names)])]
        default = default_target(self.source.columns, task=self.algorithm.task) or UNSUPERVISED
        if self.initial.get("target") not in {*names, *(value for value, _ in none)}:
            self.initial["target"] = default
        excluded = [name for name in self.initial.get("excluded_columns", []) if name in set(names)]
        self.initial["excluded_columns"] = excluded
        if len(names) > MAX_CHECKBOXES:
            fields["excluded_columns"] = ColumnNamesField(
                names, help_text=fields["excluded_columns"].help_text
            )
            self.initial["excluded_columns"] = "\n".join(excluded)
        fields["excluded_columns"].choices = [(name, name) for name in names]

    def parameter_fields(self):
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def has_set_parameters(self) -> bool:
        """Whether the section of the parameters has a value or an error, so it is shown open."""
        return any(field.errors or field.value() for field in self.parameter_fields())

    def clean(self):
        cleaned = super().clean()
        for parameter in self.algorithm.parameters:
            name = PREFIX + parameter.name
            is_set, value = cleaned.get(name) or (False, None)
            if is_set:
                try:
                    algorithms.check_params(self.algorithm, {parameter.name: value})
                except ValidationError as error:
                    self.add_error(name, error)
        return cleaned

    def add_operation_error(self, error: ValidationError) -> None:
        """Add the error of an operation, or its warnings, to the fields that they are about."""
        if isinstance(error, NeedsConfirmation):
            self.warnings = [
                warning | {"field": FORM_FIELDS.get(warning["field"])} for warning in error.warnings
            ]
            return
        field = FORM_FIELDS.get((error.params or {}).get("field") or validation.ERROR_FIELDS.get(error.code))
        self.add_error(field if field in self.fields else None, error)

    def has_feature_warnings(self) -> bool:
        return any(warning["field"] == "excluded_columns" for warning in self.warnings)

    def training_request(self) -> TrainingRequest:
        cleaned = self.cleaned_data
        values = {parameter.name: cleaned[PREFIX + parameter.name] for parameter in self.algorithm.parameters}
        target = cleaned["target"] or None
        excluded = {*cleaned["excluded_columns"], target}
        features = [column["name"] for column in self.source.columns if column["name"] not in excluded]
        return TrainingRequest(
            module=self.algorithm.module,
            class_name=self.algorithm.name,
            params={name: value for name, (is_set, value) in values.items() if is_set},
            target=target,
            features=features if cleaned["excluded_columns"] else None,
            test_size=cleaned.get("test_size", TrainingRequest.test_size),
            random_state=cleaned["random_state"],
            description=cleaned["description"],
            timeout_s=cleaned["timeout_s"],
        )


class ColumnNamesField(forms.CharField):
    """Names of columns, one per line."""

    def __init__(self, names: list[str], *, help_text: str):
        super().__init__(
            required=False,
            max_length=3_000_000,
            help_text=f"{help_text} One name per line.",
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        )
        self.names = set(names)

    def clean(self, value) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        for name in lines:
            if name not in self.names:
                raise ValidationError(
                    f"`{name[:100]}` is not a column of this dataset.", code="unknown_column"
                )
        return lines


def grouped_algorithms() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for algorithm in algorithms.all_algorithms():
        groups.setdefault(algorithm.task, []).append((algorithm.name, algorithm.name))
    return list(groups.items())


def initial_from_query(query) -> dict:
    """The initial values of a form that is shown again, for another dataset or algorithm."""
    excluded = [name.strip() for text in query.getlist("excluded_columns") for name in text.splitlines()]
    return query.dict() | {"excluded_columns": excluded}


def initial_from_request(request: TrainingRequest, *, columns: list[dict]) -> dict:
    """The initial values of a form for the request of an earlier job."""
    params = {PREFIX + name: shown(value) for name, value in request.params.items()}
    used = {*request.features, request.target}
    return params | {
        "target": request.target or UNSUPERVISED,
        "excluded_columns": [column["name"] for column in columns if column["name"] not in used],
        "test_size": request.test_size,
        "random_state": request.random_state,
        "description": request.description,
    }


class PromoteForm(forms.Form):
    stage = forms.CharField(label="Stage", widget=forms.Select)
    comment = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The reason, for the release history.",
    )

    def __init__(self, data=None, *, stages: list[Stage], **kwargs):
        super().__init__(data, **kwargs)
        self.fields["stage"].widget.choices = [(stage.value, stage.label) for stage in stages]


class RollbackForm(forms.Form):
    to_version = forms.IntegerField(required=False, label="Version", widget=forms.Select)
    reason = forms.CharField(
        required=False, max_length=10_000, help_text="The reason, for the release history."
    )

    def __init__(self, data=None, *, numbers: list[int] = (), **kwargs):
        super().__init__(data, **kwargs)
        self.fields["to_version"].widget.choices = [(number, f"version {number}") for number in numbers]
