"""The train form: a dataset, an algorithm with its own parameters as fields, a target, a split."""

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy

from catalog.models import Dataset
from registry.estimators import algorithms, errors
from registry.estimators.form_fields import ParameterField, SearchSelect, shown
from registry.jobs.submission import NeedsConfirmation
from registry.models import Stage
from registry.training.columns import default_target
from registry.training.request import TrainingRequest

PREFIX = "param-"
UNSUPERVISED = ""  # no column: clusterers
FEW = 150  # more columns than this are typed, not ticked
# Another dataset or algorithm has other fields: the page asks for them and keeps what was typed.
ASK_ANEW = {"hx-post": reverse_lazy("registry:train"), "hx-vals": '{"refresh": "1"}'}
# Where a field of the operation's request is on the form; what is about none of them stands above it.
PLACES = {
    "features": "leave_out",
    "random_state": "random_state",
    "target": "target",
    "test_size": "test_size",
    "timeout_s": "timeout_s",
}


class TrainForm(forms.Form):
    doubts: list[dict] = []  # what the dry run found odd, once it has been asked

    dataset = forms.CharField(widget=SearchSelect(attrs=ASK_ANEW))
    target = forms.CharField(widget=SearchSelect, help_text="The column to predict.")
    leave_out = forms.MultipleChoiceField(
        required=False,
        help_text="Columns that the model must not learn from, such as identifiers.",
        widget=forms.CheckboxSelectMultiple,
    )
    algorithm = forms.CharField(widget=SearchSelect(attrs=ASK_ANEW))
    test_size = forms.FloatField(
        initial=0.2,
        label="Test share",
        help_text="The share of the rows held out to measure the model on: above 0, below 1.",
        widget=forms.NumberInput(attrs={"step": "0.05", "min": "0.01", "max": "0.99"}),
    )
    random_state = forms.IntegerField(
        initial=42,
        required=False,
        label="Seed",
        help_text="The same seed gives the same split and the same model. Empty: another one each time.",
        widget=forms.NumberInput(attrs={"min": 0, "max": 2**32 - 1}),
    )
    timeout_s = forms.IntegerField(
        required=False,
        label="Time limit",
        help_text="In seconds. A training that takes longer is stopped. Empty: the platform's own limit.",
        widget=forms.NumberInput(attrs={"min": 1}),
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        label="Note",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What you are trying, for your colleagues.",
    )

    def __init__(self, data=None, *, dataset: Dataset, algorithm: algorithms.Algorithm, **kwargs):
        super().__init__(data, **kwargs)
        self.chosen = algorithm
        self.source = (
            dataset.versions.select_related("dataset").defer("profile", "preview").order_by("-number").first()
        )
        self.initial |= {"dataset": dataset.name, "algorithm": algorithm.name}
        self._set_choices([column["name"] for column in self.source.columns])
        self.fields["dataset"].help_text = f"Its newest version, number {self.source.number}."
        self.fields["algorithm"].help_text = algorithm.summary
        if algorithm.task == "clustering":
            self.fields["target"].help_text = "A clusterer learns without it: it is only left out."
            self.fields["target"].required = False
            del self.fields["test_size"]
        for parameter in algorithm.parameters:
            self.fields[PREFIX + parameter.name] = ParameterField(parameter)

    def _set_choices(self, names: list[str]) -> None:
        fields, is_clustering = self.fields, self.chosen.task == "clustering"
        datasets = Dataset.objects.order_by("name").values_list("name", flat=True)
        fields["dataset"].widget.choices = [(None, [(name, name) for name in datasets])]
        fields["algorithm"].widget.choices = grouped_algorithms()
        none = [(UNSUPERVISED, "none (learn from every column)")] if is_clustering else []
        fields["target"].widget.choices = [(None, [*none, *((name, name) for name in names)])]
        suggested = default_target(self.source.columns, task=self.chosen.task) or UNSUPERVISED
        if self.initial.get("target") not in {*names, *(value for value, _ in none)}:
            self.initial["target"] = suggested
        kept = [name for name in self.initial.get("leave_out", []) if name in set(names)]
        self.initial["leave_out"] = kept
        if len(names) > FEW:
            fields["leave_out"] = ColumnNamesField(names, help_text=fields["leave_out"].help_text)
            self.initial["leave_out"] = "\n".join(kept)
        fields["leave_out"].choices = [(name, name) for name in names]

    def parameter_fields(self):
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def has_set_parameters(self) -> bool:
        """Whether the fold of the parameters holds something that its reader should see."""
        return any(field.errors or field.value() for field in self.parameter_fields())

    def clean(self):
        cleaned = super().clean()
        for parameter in self.chosen.parameters:
            name = PREFIX + parameter.name
            is_set, value = cleaned.get(name) or (False, None)
            if is_set:
                try:
                    algorithms.check_params(self.chosen, {parameter.name: value})
                except ValidationError as error:
                    self.add_error(name, error)
        return cleaned

    def refuse(self, error: ValidationError) -> None:
        """Put the operation's refusal, or its warnings, on the fields that they are about."""
        if isinstance(error, NeedsConfirmation):
            self.doubts = [warning | {"field": PLACES.get(warning["field"])} for warning in error.warnings]
            return
        field = PLACES.get((error.params or {}).get("field") or errors.FIELDS.get(error.code))
        self.add_error(field if field in self.fields else None, error)

    def has_doubts_about_features(self) -> bool:
        return any(doubt["field"] == "leave_out" for doubt in self.doubts)

    def training_request(self) -> TrainingRequest:
        cleaned = self.cleaned_data
        set_values = {
            parameter.name: cleaned[PREFIX + parameter.name] for parameter in self.chosen.parameters
        }
        target = cleaned["target"] or None
        left_out = {*cleaned["leave_out"], target}
        kept = [column["name"] for column in self.source.columns if column["name"] not in left_out]
        return TrainingRequest(
            module=self.chosen.module,
            class_name=self.chosen.name,
            params={name: value for name, (is_set, value) in set_values.items() if is_set},
            target=target,
            features=kept if cleaned["leave_out"] else None,
            test_size=cleaned.get("test_size", TrainingRequest.test_size),
            random_state=cleaned["random_state"],
            description=cleaned["description"],
            timeout_s=cleaned["timeout_s"],
        )


class ColumnNamesField(forms.CharField):
    """Names of columns, one a line."""

    def __init__(self, names: list[str], *, help_text: str):
        super().__init__(
            required=False,
            max_length=3_000_000,
            help_text=f"{help_text} One name a line.",
            widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"}),
        )
        self.names = set(names)

    def clean(self, value) -> list[str]:
        typed = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        for name in typed:
            if name not in self.names:
                raise ValidationError(
                    f"`{name[:100]}` is not a column of this dataset.", code="unknown_column"
                )
        return typed


def grouped_algorithms() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for algorithm in algorithms.all_algorithms():
        groups.setdefault(algorithm.task, []).append((algorithm.name, algorithm.name))
    return list(groups.items())


def typed(query) -> dict:
    """What stands in a form that is asked for anew: for another dataset or algorithm."""
    left_out = [name.strip() for text in query.getlist("leave_out") for name in text.splitlines()]
    return query.dict() | {"leave_out": left_out}


def initial_of(request: TrainingRequest, columns: list[dict]) -> dict:
    """What the form shows for the request of an earlier job."""
    params = {PREFIX + name: shown(value) for name, value in request.params.items()}
    used = {*request.features, request.target}
    return params | {
        "target": request.target or UNSUPERVISED,
        "leave_out": [column["name"] for column in columns if column["name"] not in used],
        "test_size": request.test_size,
        "random_state": request.random_state,
        "description": request.description,
    }


class PromoteForm(forms.Form):
    stage = forms.CharField(label="To", widget=forms.Select)
    comment = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why: for those who look later.",
    )

    def __init__(self, data=None, *, stages: list[Stage], **kwargs):
        super().__init__(data, **kwargs)
        self.fields["stage"].widget.choices = [(stage.value, stage.label) for stage in stages]


class RollbackForm(forms.Form):
    to_version = forms.IntegerField(required=False, label="Back to", widget=forms.Select)
    reason = forms.CharField(required=False, max_length=10_000, help_text="Why: for those who look later.")

    def __init__(self, data=None, *, numbers: list[int] = (), **kwargs):
        super().__init__(data, **kwargs)
        self.fields["to_version"].widget.choices = [(number, f"version {number}") for number in numbers]
