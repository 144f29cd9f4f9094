"""The request that the training form makes, as JSON and curl, with the errors of what is left out of it."""

import json
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from registry.search.plan import GroupPlan
from registry.train_form import column_fields, measure_fields, parameter_fields, try_fields
from registry.train_form.forms import TrainForm
from registry.training.request import TrainingRequest

ALWAYS = {"target_column", "test_size", "random_state"}  # shown even if they have their default


@dataclass(frozen=True)
class Entered:
    """The request of what is entered, or that of one candidate of its `plan`; None without an algorithm.

    `problems` has the error of each field that is left out, by its label.
    """

    request: TrainingRequest | None
    plan: GroupPlan | None
    problems: dict[str, str]


@dataclass(frozen=True)
class Panel:
    """`body` and `curl` are empty without a request; `problems` has a sentence for each field that it lacks."""

    body: str
    curl: str
    problems: list[tuple[str, str]]


def read(form: TrainForm) -> Entered:
    if form.algorithm is None:
        return Entered(None, None, {"Target": "Select the column to predict."})
    problems = {}

    def value(name, default=None):
        if name not in form.fields:
            return default
        try:
            return form.cleaned(name)
        except ValidationError as error:
            problems[form.fields[name].label or name.capitalize()] = error.messages[0]
            return default

    target = value("target") or None
    for name in ["prepare", *(name for name in form.fields if name.startswith(column_fields.PREFIX))]:
        value(name)
    features, prepare = column_fields.features_and_prepare(
        column_fields.entered(form),
        columns=form.source.columns,
        profile=form.source.profile,
        reserved=set(measure_fields.reserved(form)),
        target=target,
    )
    params, ranges = parameter_fields.read(form, problems)
    request = TrainingRequest(
        module=form.algorithm.module,
        class_name=form.algorithm.name,
        params=params,
        target=target,
        features=features,
        prepare=prepare,
        test_size=value("test_size", TrainingRequest.test_size),
        random_state=value("random_state"),
        **measure_fields.values(value),
        description=value("description", ""),
        timeout_s=value("timeout_s"),
    )
    return Entered(request, try_fields.plan(form, request, ranges, value), problems)


def of(form: TrainForm, entered: Entered, *, url: str) -> Panel:
    """The panel of a form for the address of `POST /train`."""
    named = list(entered.problems.items())
    if entered.request is None or "Target" in entered.problems:
        return Panel("", "", named)
    text = json.dumps(_body(form, entered), ensure_ascii=False, indent=2)
    quoted = text.replace("'", "'\\''")
    curl = (
        f"curl -X POST {url} \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{quoted}'"
    )
    return Panel(text, curl, named)


def _body(form: TrainForm, entered: Entered) -> dict:
    """The body without the fields that have their default, or an error."""
    request = entered.request
    usual = TrainingRequest(request.module, request.class_name).to_dict()
    model = usual.pop("model") | {"params": request.params}
    fields = {
        key: value
        for key, value in request.to_dict().items()
        if key in usual and (key in ALWAYS or value != usual[key])
    }
    for name in ("test_size", "random_state"):
        if name not in form.fields or form.fields[name].label in entered.problems:
            del fields[name]
    tried = {"model": {name: value for name, value in model.items() if value != {}}}
    if entered.plan:
        tried = try_fields.body(entered.plan, tried)
    timeout = {"timeout_s": request.timeout_s} if request.timeout_s else {}
    return {"dataset_name": form.source.dataset.name, **tried, **fields, **timeout}
