"""What the training form tries: one algorithm, several, or the best that is found within a time."""

import dataclasses

from django import forms

from registry.estimators import algorithms
from registry.search.plan import GroupPlan, is_group
from registry.train_form.measure_fields import REFRESH
from registry.training.request import TrainingRequest

ONE, SEVERAL, AUTO = "one", "several", "auto"
LABELS = {ONE: "One algorithm", SEVERAL: "Several algorithms", AUTO: "Find the best within a time"}
NAMES = ("what_to_try", "algorithms", "minutes")
USUAL = {
    "classification": ["RandomForestClassifier", "HistGradientBoostingClassifier", "LogisticRegression"],
    "regression": ["RandomForestRegressor", "HistGradientBoostingRegressor", "Ridge"],
}
USUAL_MINUTES = 5
# The field for an error of a plan.
FIELDS_OF_ERRORS = {"models": "algorithms", "auto.time_budget_s": "minutes", "auto.metric": "primary_metric"}


def chosen(form) -> str:
    """What is chosen to try; clusterers are tried one at a time, and without a target nothing else can be."""
    entered = form.data if form.is_bound else form.initial
    choice = entered.get("what_to_try")
    return choice if choice in (SEVERAL, AUTO) and form.tasks else ONE


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
    del form.fields["algorithm"]
    if choice == AUTO:
        form.fields["minutes"] = forms.FloatField(
            label="Minutes", initial=USUAL_MINUTES, widget=forms.NumberInput(attrs={"min": 0.1, "step": "any"}),
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


def plan(form, request: TrainingRequest, value) -> GroupPlan | None:
    """The group of the request, None for one algorithm; `value` returns what is entered in a field."""
    choice = chosen(form)
    if choice == ONE:
        return None
    base = dataclasses.replace(request, module="", class_name="", params={})
    if choice == AUTO:
        minutes = value("minutes", USUAL_MINUTES)
        return GroupPlan(base, is_auto=True, task=form.task, time_budget_s=round(60 * minutes))
    models = tuple(
        {"module": one.module, "class": one.name, "params": {}}
        for one in map(algorithms.find, value("algorithms", ()))
    )
    return GroupPlan(base, models=models)


def body(plan: GroupPlan) -> dict:
    """What to try, as in the body of `POST /train`."""
    if plan.is_auto:
        return {"auto": {"time_budget_s": plan.time_budget_s, "task": plan.task}}
    return {"models": [{name: model[name] for name in ("module", "class")} for model in plan.models]}


def initial_of(request: dict) -> dict:
    """The values of the fields that repeat the request of a job; those of a search repeat its algorithm."""
    if not is_group(request):
        return {"what_to_try": ONE}
    group = GroupPlan.from_dict(request)
    if group.is_auto:
        minutes = (group.time_budget_s or 60 * USUAL_MINUTES) / 60
        return {"what_to_try": AUTO, "minutes": round(minutes, 2)}
    if group.models:
        return {"what_to_try": SEVERAL, "algorithms": [model["class"] for model in group.models]}
    return {"what_to_try": ONE}
