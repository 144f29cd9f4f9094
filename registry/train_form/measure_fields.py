"""The fields of the training form that say how a model is measured, and how a classifier decides."""

from django import forms
from django.urls import reverse_lazy

from registry.estimators import decision
from registry.estimators.form_fields import SearchSelect
from registry.evaluation import definitions
from registry.training import validation
from registry.training.request import TrainingRequest

# Another dataset, target, algorithm or method has other fields: the page reloads the form and keeps the input.
REFRESH = {"hx-post": reverse_lazy("registry:train"), "hx-vals": '{"refresh": "1"}'}
METHODS = {
    "random": "Rows at random",
    "time": "The newest rows",
    "group": "Whole groups of rows",
    "column": "As a column says",
    "dataset_version": "Another dataset version",
}
COLUMN_HELP = {
    "time": "The date by which the newest rows are held out.",
    "group": "Rows with the same value, such as those of one customer, are on one side.",
    "column": "Contains the words train and test.",
}
COLUMN_TYPES = {"time": {"date"}, "column": {"text"}}
USES_TEST_SIZE = {"random", "time", "group"}
NUMBER, COSTS = "number", "costs"
COST_FIELDS = {f"cost_{name}": name for name in decision.COSTS}
NAMES = [
    *("split_method", "split_column", "split_dataset_version", "test_size", "cv"),
    *("cv_repeats", "random_state", "sample_weight", "refit", "primary_metric", "calibration"),
    *("threshold", "threshold_number", *COST_FIELDS),
]
FIRST = 5  # the others are folded
# The field for an error of the request, if it has another name.
FIELDS_OF_ERRORS = {"split": ("split_column", "split_dataset_version", "split_method")}


def add(form, *, entered: dict) -> None:
    """Add the fields that the dataset, the target, the task and what is entered need."""
    form.fields["primary_metric"] = _primary_metric(form.task)
    if form.task == "clustering":
        del form.fields["test_size"]
        return
    methods = _methods(form)
    method = entered.get("split_method") or "random"
    form.fields["split_method"] = forms.ChoiceField(
        required=False, label="Hold out", choices=list(methods.items()), widget=forms.Select(attrs=REFRESH)
    )
    if method in COLUMN_HELP:
        form.fields["split_column"] = _column(
            form, types=COLUMN_TYPES.get(method), label="Column", help_text=COLUMN_HELP[method]
        )
    if method == "dataset_version":
        form.fields["split_dataset_version"] = forms.TypedChoiceField(
            required=False, label="Dataset version", coerce=int, empty_value=None,
            choices=[("", "Select a version"), *((number, f"Version {number}") for number in _others(form))],
            help_text="All its rows are for the measurement; all rows of the latest are for the fit.",
        )  # fmt: skip
    if method not in USES_TEST_SIZE:
        del form.fields["test_size"]
    _add_folds(form)
    if form.task == "classification" and form.target_profile and form.target_profile["distinct"] == 2:
        _add_decision(form, entered.get("threshold"))


def _methods(form) -> dict[str, str]:
    types = {column["type"] for column in form.source.columns}
    possible = {name for name in METHODS if COLUMN_TYPES.get(name, types) & types}
    if not _others(form):
        possible.discard("dataset_version")
    return {name: label for name, label in METHODS.items() if name in possible}


def _others(form) -> list[int]:
    versions = form.source.dataset.versions.exclude(pk=form.source.pk)
    return list(versions.order_by("-number").values_list("number", flat=True))


def _column(
    form, *, types: set[str] | None, label: str, help_text: str, none="Select a column"
) -> forms.Field:
    target = form.target_profile and form.target_profile["name"]
    names = [
        column["name"]
        for column in form.source.columns
        if column["name"] != target and (types is None or column["type"] in types)
    ]
    widget = SearchSelect()
    widget.choices = [(None, [("", none), *((name, name) for name in names)])]
    return forms.CharField(required=False, label=label, help_text=help_text, widget=widget)


def _add_folds(form) -> None:
    form.fields["cv"] = forms.IntegerField(
        required=False, min_value=2, max_value=validation.MAX_FOLDS, label="Folds",
        help_text="Cross-validation on the training rows, which follows the split. Leave empty for none.",
    )  # fmt: skip
    form.fields["cv_repeats"] = forms.IntegerField(
        required=False, min_value=1, max_value=validation.MAX_REPEATS, initial=1, label="Repeats",
        help_text="How often the folds are drawn.",
    )  # fmt: skip
    form.fields["sample_weight"] = _column(
        form, types={"integer", "number"}, label="Weights", none="none",
        help_text="A column with the weight of each row in the fit. The metrics count every row once.",
    )  # fmt: skip
    form.fields["refit"] = forms.BooleanField(
        required=False, label="Fit again on all rows after the measurement"
    )


def _add_decision(form, threshold: str | None) -> None:
    tuned = [(f"metric:{name}", f"Tuned for {label}") for name, label in decision.TUNED_FOR.items()]
    form.fields["calibration"] = forms.ChoiceField(
        required=False, choices=[("", "none"), *decision.CALIBRATIONS.items()],
        help_text="Of the probabilities, in folds of the training rows.",
    )  # fmt: skip
    form.fields["threshold"] = forms.ChoiceField(
        required=False, label="Decision threshold", widget=forms.Select(attrs=REFRESH),
        choices=[("", "0.5"), (NUMBER, "Another number"), *tuned, (COSTS, "Tuned for the costs of errors")],
        help_text="The probability of the second class from which it is predicted.",
    )  # fmt: skip
    if threshold == NUMBER:
        form.fields["threshold_number"] = forms.FloatField(
            label="Threshold", widget=forms.NumberInput(attrs={"min": 0, "max": 1, "step": "any"})
        )
    for field, name in COST_FIELDS.items() if threshold == COSTS else ():
        form.fields[field] = forms.FloatField(
            label=f"Cost of a {name.replace('_', ' ')}",
            initial=1,
            widget=forms.NumberInput(attrs={"step": "any"}),
        )


def _primary_metric(task: str | None) -> forms.Field:
    metrics = definitions.of_task(task) if task else []
    return forms.ChoiceField(
        required=False, label="Primary metric",
        choices=[("", "Automatic"), *((metric.name, metric.label) for metric in metrics)],
        help_text="By which versions are compared; usually as the latest version.",
    )  # fmt: skip


def reserved(form) -> dict[str, str]:
    """The columns that are no features unless the user chooses so, with the reason; see `split_methods.reserved`."""
    entered = {name: form[name].value() for name in NAMES if name in form.fields}
    divides = entered.get("split_column") if entered.get("split_method") in {"group", "column"} else None
    reasons = {divides: "divides the rows", entered.get("sample_weight"): "weights the rows"}
    return {name: reason for name, reason in reasons.items() if name}


def values(value) -> dict:
    """The fields of a TrainingRequest, by the function that returns what is entered in a field, or a default."""
    split = {"method": value("split_method") or "random"}
    split |= {
        name: chosen
        for name in ("column", "dataset_version")
        if (chosen := value(f"split_{name}")) not in (None, "")
    }
    return {
        "split": split,
        "cv": value("cv"),
        "cv_repeats": value("cv_repeats") or 1,
        "sample_weight": value("sample_weight") or None,
        "refit": value("refit", False),
        "primary_metric": value("primary_metric") or None,
        "calibration": value("calibration") or None,
        "threshold": _threshold(value),
    }


def _threshold(value) -> float | dict | None:
    kind = value("threshold") or ""
    if kind == NUMBER:
        return value("threshold_number")
    if kind == COSTS:
        return {"costs": {name: value(field) for field, name in COST_FIELDS.items()}}
    return {"metric": kind.removeprefix("metric:")} if kind else None


def initial_of(request: TrainingRequest) -> dict:
    """The values of the fields that repeat a request."""
    names = (
        "test_size",
        "random_state",
        "cv",
        "cv_repeats",
        "sample_weight",
        "refit",
        "primary_metric",
        "calibration",
    )
    initial = {name: getattr(request, name) for name in names}
    initial |= {f"split_{name}": value for name, value in request.split.items()}
    threshold = request.threshold
    if isinstance(threshold, dict) and "metric" in threshold:
        initial["threshold"] = f"metric:{threshold['metric']}"
    elif isinstance(threshold, dict):
        initial |= {"threshold": COSTS} | {
            field: threshold["costs"][name] for field, name in COST_FIELDS.items()
        }
    elif threshold is not None:
        initial |= {"threshold": NUMBER, "threshold_number": threshold}
    return initial
