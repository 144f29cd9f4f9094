"""The training form, with a field for each parameter of the algorithm."""

import contextlib

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse_lazy

from catalog.models import Dataset
from catalog.profiling.roles import usual_target
from mlplatform.validation import sentences
from mlplatform.validation.forms import StrictForm
from registry.estimators import algorithms
from registry.estimators.form_fields import (
    AlgorithmField,
    ColumnNamesField,
    ParameterField,
    SearchSelect,
    grouped_algorithms,
    shown,
)
from registry.jobs import limits
from registry.jobs.submission import NeedsConfirmation
from registry.training import validation
from registry.training.columns import supervised_tasks
from registry.training.request import TrainingRequest

PREFIX = "param-"
UNSUPERVISED = ""  # no column: clusterers
AUTOMATIC = ""  # no algorithm: the usual one for the target
MAX_CHECKBOXES = 150  # with more columns, their names are entered as text
# Another dataset, target or algorithm has other fields: the page reloads the form and keeps the input.
REFRESH = {"hx-post": reverse_lazy("registry:train"), "hx-vals": '{"refresh": "1"}'}
# The form field for a field of the training request; other errors are shown above the form.
FORM_FIELDS = {
    "features": "excluded_columns",
    "random_state": "random_state",
    "target": "target",
    "test_size": "test_size",
    "timeout_s": "timeout_s",
}


class TrainForm(StrictForm):
    extra_names = ("accept_warnings", "refresh", "test_size")  # clustering has no test size
    warnings: list[dict] = []  # of the dry run, if they need confirmation

    dataset = forms.CharField(widget=SearchSelect(attrs=REFRESH))
    target = forms.CharField(
        widget=SearchSelect(attrs=REFRESH),
        help_text="The column to predict.",
        error_messages={"required": "Select the column to predict."},
    )
    excluded_columns = forms.MultipleChoiceField(
        required=False,
        label="Exclude columns",
        help_text="Columns that are not used as features, such as identifiers.",
        widget=forms.CheckboxSelectMultiple,
    )
    algorithm = AlgorithmField(widget=SearchSelect(attrs=REFRESH))
    test_size = forms.FloatField(
        initial=0.2,
        label="Test size",
        validators=[validation.check_test_size],
        help_text="The share of rows that are held out to evaluate the model, between 0 and 1.",
        widget=forms.NumberInput(attrs={"step": "0.05", "min": "0.01", "max": "0.99"}),
    )
    random_state = forms.IntegerField(
        initial=42,
        min_value=0,
        max_value=2**32 - 1,
        required=False,
        label="Random state",
        help_text="The seed of the split and the model, for reproducible results. Leave empty for a random seed.",
    )
    timeout_s = forms.IntegerField(
        required=False,
        label="Time limit",
        validators=[limits.timeout],
        help_text="In seconds. Stops a training that takes longer. Leave empty for the platform's limit.",
        widget=forms.NumberInput(attrs={"min": 1}),
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The purpose of this training.",
    )

    def __init__(self, data=None, *, dataset: Dataset, algorithm: str, **kwargs):
        """`algorithm` is a class name or AUTOMATIC; an unknown name is an error of its field."""
        super().__init__(data, **kwargs)
        self.source = (
            dataset.versions.select_related("dataset")
            .defer("profile", "warnings", "preview")
            .order_by("-number")
            .first()
        )
        named = None
        with contextlib.suppress(ValidationError):
            named = algorithms.find(algorithm)
        self.target_profile = self._target_profile(
            is_clusterer=named is not None and named.task == "clustering"
        )
        rows = self.source.row_count
        # None: any task.
        self.tasks = supervised_tasks(self.target_profile, rows=rows) if self.target_profile else None
        self.algorithm = self._fitting(named)
        self.initial |= {"dataset": dataset.name, "algorithm": self.algorithm.name if self.algorithm else ""}
        self._set_choices([column["name"] for column in self.source.columns])
        self.fields["dataset"].help_text = f"The latest version, {self.source.number}, is used."
        self._set_fields_of_task()
        for parameter in self.algorithm.parameters if self.algorithm else ():
            self.fields[PREFIX + parameter.name] = ParameterField(parameter)

    @property
    def task(self) -> str | None:
        return self.algorithm and self.algorithm.task

    def _target_profile(self, *, is_clusterer: bool) -> dict | None:
        """The profile of the entered target, or else of the column with a usual name for one."""
        names = {column["name"] for column in self.source.columns}
        target = (self.data if self.is_bound else self.initial).get("target")
        is_chosen = target in names or (is_clusterer and target == UNSUPERVISED)
        if not self.is_bound and not is_chosen:
            target = usual_target(self.source.columns) or UNSUPERVISED
            self.initial["target"] = target
        if target not in names:
            return None
        return next(column for column in self.source.profile if column["name"] == target)

    def _fitting(self, named: algorithms.Algorithm | None) -> algorithms.Algorithm | None:
        """The named algorithm, or the usual one if none is named or it does not fit; None until there is a target."""
        help_text = named.summary if named else "Select the target first, or an algorithm."
        fits = named and (self.tasks is None or self.is_bound or named.task in {*self.tasks, "clustering"})
        if not fits and self.tasks:
            reason = f"{named.name} does not fit the target. " if named else ""
            named = algorithms.find(algorithms.USUAL[self.tasks[0]])
            help_text = reason + named.summary
        self.fields["algorithm"].help_text = help_text
        return named

    def _set_fields_of_task(self) -> None:
        if self.task == "clustering":
            target = self.fields["target"]
            target.help_text = "Clustering predicts no column. A selected one is left out of the features."
            target.required = False
            del self.fields["test_size"]
        elif self.target_profile:
            classes = self.target_profile["distinct"] if self.task == "classification" else None
            rows = self.source.row_count - self.target_profile["missing"]
            self.fields["test_size"].initial = validation.usual_test_size(rows, classes=classes)

    def _set_choices(self, names: list[str]) -> None:
        fields = self.fields
        datasets = Dataset.objects.order_by("name").values_list("name", flat=True)
        fields["dataset"].widget.choices = [(None, [(name, name) for name in datasets])]
        automatic = [] if self.algorithm else [(None, [(AUTOMATIC, "Random forest, to fit the target")])]
        fields["algorithm"].widget.choices = [*automatic, *grouped_algorithms(self.tasks)]
        none = "none (use all columns)" if self.task == "clustering" else "Select a column"
        targets = [column["name"] for column in self.source.columns if column["type"] != "date"]
        fields["target"].widget.choices = [
            (None, [(UNSUPERVISED, none), *((name, name) for name in targets)])
        ]
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

    def submitted_names(self, names: list[str]) -> list[str]:
        return [name for name in names if not name.startswith(PREFIX)]

    def clean(self):
        cleaned = super().clean()
        if self.algorithm is None and "target" in cleaned:
            self.add_error("algorithm", "Select an algorithm.")
        if self.algorithm:
            self._check_other_parameters()
        for parameter in self.algorithm.parameters if self.algorithm else ():
            name = PREFIX + parameter.name
            is_set, value = cleaned.get(name) or (False, None)
            if is_set:
                try:
                    algorithms.check_params(self.algorithm, {parameter.name: value})
                except ValidationError as error:
                    self.add_error(name, error)
        return cleaned

    def _check_other_parameters(self) -> None:
        """The values of parameters that the algorithm does not have: the form can be of another one."""
        names = [name for name in self.data if name.startswith(PREFIX) and name not in self.fields]
        for name in names:
            if self.data[name].strip():
                try:
                    algorithms.check_params(self.algorithm, {name.removeprefix(PREFIX): self.data[name]})
                except ValidationError as error:
                    self.add_error(None, error)

    def query_errors(self, query: QueryDict) -> list[str]:
        """A sentence for each value in the address of the page that its field cannot have."""
        columns = {column["name"] for column in self.source.columns}
        names = [
            ("target", query.get("target", "")),
            *(("excluded_columns", name) for name in excluded(query)),
        ]
        errors = [
            f"`{field}={name[:100]}`: this dataset has no such column."
            for field, name in names
            if name and name not in columns
        ]
        for name, value in query.items():
            if not value or name not in self.fields or name in {"target", "excluded_columns"}:
                continue
            sentences.replace_defaults(self.fields[name])
            try:
                self.fields[name].clean(value)
            except ValidationError as error:
                errors.append(f"`{name}={value[:100]}`: {error.messages[0]}")
        return errors

    def add_operation_error(self, error: ValidationError) -> None:
        """Add the error of an operation, or its warnings, to the fields that they are about."""
        if isinstance(error, NeedsConfirmation):
            self.warnings = [
                warning | {"field": FORM_FIELDS.get(warning["field"])} for warning in error.warnings
            ]
            return
        if hasattr(error, "error_dict"):
            for inner in error.error_dict.values():
                for one in inner:
                    self.add_operation_error(one)
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


def initial_from_query(query) -> dict:
    """The initial values of a form that is shown again, for another dataset or algorithm."""
    return query.dict() | {"excluded_columns": excluded(query)}


def excluded(query: QueryDict) -> list[str]:
    return [name.strip() for text in query.getlist("excluded_columns") for name in text.splitlines()]


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
