"""The train form: a dataset, an algorithm with its own parameters as fields, a target, a split."""

import json

from django import forms
from django.core.exceptions import ValidationError

from catalog.models import Dataset
from registry import algorithms, pipelines
from registry.models import Stage
from registry.parameters import Parameter
from registry.training import TrainingRequest

PREFIX = "param-"
UNSUPERVISED = "-"  # no column: clusterers
WORDS = {"true": True, "false": False, "none": None, "null": None}


class ParameterField(forms.CharField):
    """One parameter of an algorithm: empty leaves the default; what is allowed stands in the help line."""

    def __init__(self, parameter: Parameter):
        self.parameter = parameter
        help_text = f"{parameter.help} Allowed: {parameter.allowed}. Default: {shown(parameter.default)}."
        super().__init__(
            required=False,
            label=parameter.name,
            help_text=help_text.strip(),
            max_length=10_000,
            widget=widget(parameter),
        )

    def clean(self, value):
        """The parameter's value, or None with `is_set` False when the field was left empty."""
        text = super().clean(value).strip()
        return (False, None) if text == "" else (True, parse(text, self.parameter))


def shown(value) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def widget(parameter: Parameter) -> forms.Widget:
    """A list where the values can be listed, a number field for numbers, else a text field."""
    kinds = set(parameter.kinds)
    default = shown(parameter.default)
    if kinds <= {"choice", "boolean", "none"}:
        values = [*parameter.choices, *(["true", "false"] if "boolean" in kinds else [])]
        values += ["none"] if "none" in kinds else []
        return forms.Select(choices=[("", f"default ({default})"), *((value, value) for value in values)])
    if kinds in ({"integer"}, {"number"}) or (kinds <= {"integer", "none"} and parameter.default is None):
        bounds = {"min": parameter.low, "max": parameter.high}
        attrs = {
            name: int(bound)
            for name, bound in bounds.items()
            if bound is not None and float(bound).is_integer()
        }
        step = 1 if "integer" in kinds else "any"
        return forms.NumberInput(attrs=attrs | {"step": step, "placeholder": default})
    return forms.TextInput(attrs={"placeholder": default, "autocomplete": "off", "spellcheck": "false"})


def parse(text: str, parameter: Parameter):
    """A typed text as the JSON value that it reads as: a choice, a word, a number, a list or an object."""
    if text in parameter.choices:
        return text
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text


class TrainForm(forms.Form):
    dataset = forms.ModelChoiceField(Dataset.objects.all(), to_field_name="name", empty_label=None)
    algorithm = forms.ChoiceField()
    target = forms.ChoiceField(help_text="The column to predict.")
    features = forms.MultipleChoiceField(
        required=False,
        help_text="The columns to learn from. All but the target when none is chosen.",
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )
    test_size = forms.FloatField(
        initial=0.2,
        label="Test share",
        help_text="The share of the rows that is held out to measure on: above 0, below 1.",
        widget=forms.NumberInput(attrs={"step": "0.05", "min": "0.01", "max": "0.99"}),
    )
    random_state = forms.IntegerField(
        initial=42,
        required=False,
        min_value=0,
        max_value=2**32 - 1,
        label="Seed",
        help_text="The same seed gives the same split and the same model. Empty: another one each time.",
    )
    description = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="A note for your colleagues.",
    )

    def __init__(self, data=None, *, dataset: Dataset | None, algorithm: algorithms.Algorithm, **kwargs):
        super().__init__(data, **kwargs)
        self.source = dataset.version() if dataset else None
        self.chosen = algorithm
        self.fields["algorithm"].choices = grouped_algorithms()
        self.initial |= {"dataset": dataset and dataset.name, "algorithm": algorithm.name}
        columns = self.source.columns if self.source else []
        names = [column["name"] for column in columns]
        suggested = pipelines.choose_target(columns) if columns else None
        none = [(UNSUPERVISED, "none (learn without a target)")] if algorithm.task == "clustering" else []
        self.fields["target"].choices = [*none, *((name, name) for name in names)]
        self.fields["features"].choices = [(name, name) for name in names]
        self.initial.setdefault(
            "target", suggested if not none or suggested in pipelines.TARGET_NAMES else UNSUPERVISED
        )
        for parameter in algorithm.parameters:
            self.fields[PREFIX + parameter.name] = ParameterField(parameter)

    def main_fields(self):
        return [field for field in self if not field.name.startswith(PREFIX)]

    def parameter_fields(self):
        return [field for field in self if field.name.startswith(PREFIX)]

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

    def training_request(self) -> TrainingRequest:
        cleaned = self.cleaned_data
        set_values = {
            parameter.name: cleaned[PREFIX + parameter.name] for parameter in self.chosen.parameters
        }
        return TrainingRequest(
            module=self.chosen.module,
            class_name=self.chosen.name,
            params={name: value for name, (is_set, value) in set_values.items() if is_set},
            target=None if cleaned["target"] == UNSUPERVISED else cleaned["target"],
            features=cleaned["features"] or None,
            test_size=cleaned["test_size"],
            random_state=cleaned["random_state"],
            description=cleaned["description"],
        )


def grouped_algorithms() -> list[tuple[str, list[tuple[str, str]]]]:
    groups: dict[str, list[tuple[str, str]]] = {}
    for algorithm in algorithms.all_algorithms():
        groups.setdefault(algorithm.task, []).append((algorithm.name, algorithm.name))
    return list(groups.items())


def initial_of(request: dict) -> dict:
    """What the form shows for the request of an earlier job."""
    params = {PREFIX + name: shown(value) for name, value in request["model"]["params"].items()}
    return params | {
        "target": request["target_column"] or UNSUPERVISED,
        "features": request["features"],
        "test_size": request["test_size"],
        "random_state": request["random_state"],
        "description": request["description"],
    }


class PromoteForm(forms.Form):
    stage = forms.ChoiceField(label="To")
    comment = forms.CharField(
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why: for those who look later.",
    )

    def __init__(self, data=None, *, stage: str, **kwargs):
        super().__init__(data, **kwargs)
        self.fields["stage"].choices = [(s.value, s.label) for s in Stage if s.rank > Stage(stage).rank]


class RollbackForm(forms.Form):
    to_version = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    reason = forms.CharField(required=False, max_length=10_000, help_text="Why: for those who look later.")
