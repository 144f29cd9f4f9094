"""What the training form tries: one algorithm, the same with a search of its parameters, several, or the best that is
found within a time."""

import dataclasses

from django import forms
from django.utils.text import capfirst

from registry.estimators import algorithms
from registry.search.plan import MAX_TRIALS, METHODS, USUAL_TRIALS, GroupPlan, is_group
from registry.train_form import parameter_fields
from registry.train_form.measure_fields import REFRESH
from registry.training.request import TrainingRequest

ONE, TUNED, SEVERAL, AUTO = "one", "tuned", "several", "auto"
OF_ONE = (ONE, TUNED)
LABELS = {
    ONE: "One algorithm",
    TUNED: "One algorithm, tuned",
    SEVERAL: "Several algorithms",
    AUTO: "Find the best within a time",
}
NAMES = ("what_to_try", "algorithms", "n_trials", "method", "minutes")
USUAL = {
    "classification": ["RandomForestClassifier", "HistGradientBoostingClassifier", "LogisticRegression"],
    "regression": ["RandomForestRegressor", "HistGradientBoostingRegressor", "Ridge"],
}
USUAL_MINUTES = 5
MAX_MINUTES = 1_000_000  # far above any time limit of a training
# The field for an error of a plan.
FIELDS_OF_ERRORS = {
    "models": "algorithms",
    "model": "algorithm",
    "search.n_trials": "n_trials",
    "search.time_budget_s": "minutes",
    "search.metric": "primary_metric",
    "auto": "minutes",
    "auto.time_budget_s": "minutes",
    "auto.metric": "primary_metric",
}
OF_RANGES = "search.params."


def field_of_error(key: str) -> str | None:
    if key.startswith(OF_RANGES):
        return parameter_fields.PREFIX + key.removeprefix(OF_RANGES)
    return FIELDS_OF_ERRORS.get(key)


def chosen(form) -> str:
    """What is chosen to try; clusterers are tried one at a time, and without a target nothing else can be."""
    entered = form.data if form.is_bound else form.initial
    choice = entered.get("what_to_try")
    return choice if choice in (TUNED, SEVERAL, AUTO) and form.tasks else ONE


def first(form) -> algorithms.Algorithm:
    """The algorithm of a group for which the form shows the preparation of the columns."""
    task = form.tasks[0]
    if chosen(form) == AUTO:
        kind = {"classification": "Classifier", "regression": "Regressor"}[task]
        return algorithms.find(f"HistGradientBoosting{kind}")
    names = form.data.getlist("algorithms") if form.is_bound else form.initial.get("algorithms", ())
    known = {one.name: one for one in algorithms.all_algorithms() if one.task in form.tasks}
    return next((known[name] for name in names if name in known), algorithms.find(USUAL[task][0]))


def add(form) -> None:
    form.fields["what_to_try"] = forms.ChoiceField(
        required=False,
        label="Try",
        choices=list(LABELS.items()),
        initial=ONE,
        widget=forms.Select(attrs=REFRESH),
    )
    choice = chosen(form)
    if choice == ONE:
        return
    if choice == TUNED:
        _add_search(form)
        return
    del form.fields["algorithm"]
    if choice == AUTO:
        form.fields["minutes"] = forms.FloatField(
            label="Minutes", initial=USUAL_MINUTES, max_value=MAX_MINUTES,
            widget=forms.NumberInput(attrs={"min": 0.1, "step": "any"}),
            help_text="For all trials and the last fit. Boosted trees, forests and linear models are tried with "
            "parameters chosen by their results, and an ensemble of the best.",
        )  # fmt: skip
        return
    usual = USUAL[form.task]
    others = [
        one.name for one in algorithms.all_algorithms() if one.task in form.tasks and one.name not in usual
    ]
    names = [*usual, *others]
    form.fields["algorithms"] = forms.MultipleChoiceField(
        choices=[(name, name) for name in names], initial=usual, widget=forms.CheckboxSelectMultiple,
        help_text="Each with its default parameters; the best becomes a version.",
        error_messages={"required": "Select the algorithms to try."},
    )  # fmt: skip


def _add_search(form) -> None:
    form.fields["n_trials"] = forms.IntegerField(
        label="Trials", initial=USUAL_TRIALS, min_value=1, max_value=MAX_TRIALS,
        help_text="The largest number. Each is measured by cross-validation on the training rows.",
    )  # fmt: skip
    form.fields["method"] = forms.ChoiceField(
        required=False, label="Search", choices=[(name, capfirst(label)) for name, label in METHODS.items()],
        help_text="How the next parameters are chosen. TPE learns from the trials before.",
    )  # fmt: skip
    form.fields["minutes"] = forms.FloatField(
        required=False, label="Minutes", max_value=MAX_MINUTES,
        widget=forms.NumberInput(attrs={"min": 0.1, "step": "any"}),
        help_text="For all trials and the last fit. Leave empty for the time limit of the training.",
    )  # fmt: skip


def plan(form, request: TrainingRequest, ranges: dict, value) -> GroupPlan | None:
    """The group of the request, None for one algorithm; `value` returns what is entered in a field."""
    choice = chosen(form)
    if choice == ONE:
        return None
    if choice == TUNED:
        minutes = value("minutes")
        return GroupPlan(
            request,
            ranges=ranges,
            method=value("method") or GroupPlan.method,
            n_trials=value("n_trials", USUAL_TRIALS),
            time_budget_s=None if minutes is None else round(60 * minutes),
        )
    base = dataclasses.replace(request, module="", class_name="", params={})
    if choice == AUTO:
        minutes = value("minutes", USUAL_MINUTES)
        return GroupPlan(base, is_auto=True, task=form.task, time_budget_s=round(60 * minutes))
    models = tuple(
        {"module": one.module, "class": one.name, "params": {}}
        for one in map(algorithms.find, value("algorithms", ()))
    )
    return GroupPlan(base, models=models)


def body(plan: GroupPlan, tried: dict) -> dict:
    """What to try, as in the body of `POST /train`; `tried` has the one algorithm."""
    if plan.base.class_name:
        limit = {} if plan.time_budget_s is None else {"time_budget_s": plan.time_budget_s}
        options = {"params": plan.ranges, "method": plan.method, "n_trials": plan.n_trials}
        return tried | {"search": options | limit}
    if plan.is_auto:
        return {"auto": {"time_budget_s": plan.time_budget_s, "task": plan.task}}
    return {"models": [{name: model[name] for name in ("module", "class")} for model in plan.models]}


def initial_of(request: dict) -> dict:
    """The values of the fields that repeat the request of a job."""
    if not is_group(request):
        return {"what_to_try": ONE}
    group = GroupPlan.from_dict(request)
    if group.is_auto:
        return {"what_to_try": AUTO, "minutes": _minutes(group.time_budget_s or 60 * USUAL_MINUTES)}
    if group.models:
        return {"what_to_try": SEVERAL, "algorithms": [model["class"] for model in group.models]}
    return parameter_fields.initial_of(group.base.params, group.ranges) | {
        "what_to_try": TUNED,
        "n_trials": group.n_trials,
        "method": group.method,
        "minutes": group.time_budget_s and _minutes(group.time_budget_s),
    }


def _minutes(seconds: int) -> float:
    return round(seconds / 60, 2)
