"""The training form: what to predict, how the columns are prepared, how to measure, and what to try."""

import contextlib

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from catalog.models import Dataset
from catalog.profiling.roles import usual_target
from mlplatform.validation import integers, sentences
from mlplatform.validation.forms import StrictForm
from registry.estimators import algorithms
from registry.estimators.form_fields import AlgorithmField, SearchSelect, grouped_algorithms
from registry.estimators.frameworks import extras
from registry.jobs import limits
from registry.jobs.submission import NeedsConfirmation
from registry.train_form import column_fields, measure_fields, parameter_fields, try_fields
from registry.train_form.column_fields import ColumnTable
from registry.train_form.measure_fields import REFRESH
from registry.train_form.parameter_fields import PREFIX
from registry.training import validation
from registry.training.columns import supervised_tasks

UNSUPERVISED = ""  # no column: clusterers
AUTOMATIC = ""  # no algorithm: the usual one for the target
# The form field for a field of the training request; other errors are shown above the form.
FORM_FIELDS = {
    "features": "prepare",
    "prepare": "prepare",
    "random_state": "random_state",
    "target": "target",
    "test_size": "test_size",
    "timeout_s": "timeout_s",
}


class TrainForm(StrictForm):
    extra_names = ("accept_warnings", "refresh", *measure_fields.NAMES, *try_fields.NAMES, "algorithm")
    warnings: list[dict] = []  # of the dry run, if they need confirmation

    dataset = forms.CharField(widget=SearchSelect(attrs=REFRESH))
    target = forms.CharField(
        widget=SearchSelect(attrs=REFRESH),
        error_messages={"required": "Select the column to predict."},
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
        help_text="The seed of the split and the model. Leave empty for another one each time.",
    )
    timeout_s = forms.IntegerField(
        required=False,
        label="Time limit",
        validators=[limits.timeout],
        help_text="In seconds. A training that takes longer is stopped. Leave empty for the platform's limit.",
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
            .defer("warnings", "preview")
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
        tried = try_fields.chosen(self)
        self.algorithm = self._fitting(named) if tried in try_fields.OF_ONE else try_fields.first(self)
        self.initial |= {"dataset": dataset.name, "algorithm": self.algorithm.name if self.algorithm else ""}
        self._set_choices()
        column_fields.add(self)
        self.fields["dataset"].help_text = f"The latest version, {self.source.number}, is used."
        self._set_fields_of_task()
        try_fields.add(self)
        parameter_fields.add(self, is_tuned=tried == try_fields.TUNED)

    @property
    def task(self) -> str | None:
        return self.algorithm and self.algorithm.task

    @property
    def tried_parameters(self):
        """Those of the one algorithm that is tried."""
        return self.algorithm.parameters if self.algorithm and "algorithm" in self.fields else ()

    @property
    def is_wide(self) -> bool:
        """Whether the choices of the columns are entered as text."""
        return len(self.source.columns) > column_fields.MAX_FIELDS

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
        elif self.target_profile:
            classes = self.target_profile["distinct"] if self.task == "classification" else None
            rows = self.source.row_count - self.target_profile["missing"]
            self.fields["test_size"].initial = validation.usual_test_size(rows, classes=classes)
        measure_fields.add(self, entered=self.data if self.is_bound else self.initial)

    def _set_choices(self) -> None:
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

    def not_installed(self) -> list[extras.Framework]:
        """The optional frameworks that are missing here, if one algorithm is selected."""
        return [one for one in extras.not_installed() if one.classes] if "algorithm" in self.fields else []

    def algorithm_field(self):
        return self["algorithm"] if "algorithm" in self.fields else None

    def group_fields(self):
        return [self[name] for name in try_fields.NAMES[1:] if name in self.fields]

    def measure_fields(self):
        return [self[name] for name in measure_fields.NAMES[: measure_fields.FIRST] if name in self.fields]

    def other_measure_fields(self):
        return [self[name] for name in measure_fields.NAMES[measure_fields.FIRST :] if name in self.fields]

    @property
    def has_other_measure(self) -> bool:
        """Whether one of the folded fields has an error or another value than the usual one."""
        return any(
            field.errors or str(field.value() or "") not in ("", str(field.field.initial))
            for field in self.other_measure_fields()
        )

    @property
    def parameter_help(self) -> str:
        return parameter_fields.HELP if "n_trials" in self.fields else parameter_fields.USUAL_HELP

    def parameter_fields(self):
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def has_set_parameters(self) -> bool:
        """Whether the section of the parameters has a value or an error, so it is shown open."""
        return any(field.errors or field.value() for field in self.parameter_fields())

    def submitted_names(self, names: list[str]) -> list[str]:
        """Without the fields of another algorithm or target, which a form without JavaScript still submits."""
        return [
            name
            for name in names
            if not name.startswith(PREFIX) and (self.data[name] or not name.startswith(column_fields.PREFIX))
        ]

    def column_table(self) -> ColumnTable | None:
        """None without an algorithm."""
        if self.algorithm is None:
            return None
        estimator = algorithms.build(self.algorithm, parameter_fields.read(self, {})[0], None)
        return ColumnTable(self, estimator, target=self.target_profile, task=self.task)

    def cleaned(self, name: str):
        """The value of a field as it is entered. Raises ValidationError."""
        return self._cleaned(name, self[name].value())

    def _cleaned(self, name: str, value):
        sentences.replace_defaults(self.fields[name])
        integers.refuse_others(self.fields[name])
        return self.fields[name].clean(value)

    def clean(self):
        cleaned = super().clean()
        if self.algorithm is None and "target" in cleaned:
            self.add_error("algorithm", "Select an algorithm.")
        parameter_fields.check(self, cleaned)
        return cleaned

    def query_errors(self, query: QueryDict) -> list[str]:
        """A sentence for each value in the address of the page that its field cannot have."""
        columns = {column["name"] for column in self.source.columns}
        errors = []
        for name, value in query.items():
            if name == "target" and value and value not in columns:
                errors.append(f"`target={value[:100]}`: this dataset has no such column.")
            elif value and name in self.fields and name != "target":
                try:
                    self._cleaned(name, query.getlist(name) if name == "algorithms" else value)
                except ValidationError as error:
                    errors.append(f"`{name}={value[:100]}`: {error.messages[0]}")
        return errors

    def add_operation_error(self, error: ValidationError, key: str = "") -> None:
        """Add the error of an operation, or its warnings, to the fields that they are about."""
        if isinstance(error, NeedsConfirmation):
            self.warnings = [
                warning | {"field": FORM_FIELDS.get(warning["field"])} for warning in error.warnings
            ]
            return
        if hasattr(error, "error_dict"):
            for name, inner in error.error_dict.items():
                for one in inner:
                    self.add_operation_error(one, name)
            return
        named = (error.params or {}).get("field") or validation.ERROR_FIELDS.get(error.code, error.code)
        named = try_fields.field_of_error(key) or named
        choices = measure_fields.FIELDS_OF_ERRORS.get(named, (FORM_FIELDS.get(named, named),))
        field = next((name for name in choices if name in self.fields), None)
        if field == "prepare":
            field = self._column_field(error)
        self.add_error(field if field in self.fields else None, error)

    def _column_field(self, error: ValidationError) -> str:
        """The field of the column that the sentence begins with, else that of all columns."""
        named = error.messages[0].partition("`: ")[0].removeprefix("`")
        field = column_fields.PREFIX + named
        return field if field in self.fields else "prepare"
