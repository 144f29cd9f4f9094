"""The request that the training form makes, as JSON and curl, with the errors of what is left out of it."""

import json
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from registry.train_form import column_fields, measure_fields
from registry.train_form.forms import TrainForm
from registry.training.request import TrainingRequest

ALWAYS = {"target_column", "test_size", "random_state"}  # shown even if they have their default


@dataclass(frozen=True)
class Panel:
    """`body` and `curl` are empty without a request; `problems` has a sentence for each field that it lacks."""

    body: str
    curl: str
    problems: list[tuple[str, str]]


def read(form: TrainForm) -> tuple[TrainingRequest | None, dict[str, str]]:
    """The request of what is entered, and the error of each field that is left out of it, by its label.

    None without an algorithm.
    """
    if form.algorithm is None:
        return None, {"Target": "Select the column to predict."}
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
        form.column_choices(),
        columns=form.source.columns,
        profile=form.source.profile,
        reserved=set(measure_fields.reserved(form)),
        target=target,
    )
    request = TrainingRequest(
        module=form.algorithm.module,
        class_name=form.algorithm.name,
        params=form.read_params(problems),
        target=target,
        features=features,
        prepare=prepare,
        test_size=value("test_size", TrainingRequest.test_size),
        random_state=value("random_state"),
        **measure_fields.values(value),
        description=value("description", ""),
        timeout_s=value("timeout_s"),
    )
    return request, problems


def of_form(form: TrainForm, *, url: str) -> Panel:
    """The panel of a form for the address of `POST /train`."""
    request, problems = read(form)
    named = list(problems.items())
    if request is None or "Target" in problems:
        return Panel("", "", named)
    text = json.dumps(_body(form, request, problems), ensure_ascii=False, indent=2)
    quoted = text.replace("'", "'\\''")
    curl = (
        f"curl -X POST {url} \\\n"
        '  -H "Authorization: Bearer $TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d '{quoted}'"
    )
    return Panel(text, curl, named)


def _body(form: TrainForm, request: TrainingRequest, problems: dict[str, str]) -> dict:
    """The body without the fields that have their default, or an error."""
    usual = TrainingRequest(request.module, request.class_name).to_dict()
    fields = {key: value for key, value in request.to_dict().items() if key in ALWAYS or value != usual[key]}
    for name in ("test_size", "random_state"):
        if name not in form.fields or form.fields[name].label in problems:
            del fields[name]
    model = {name: value for name, value in fields.pop("model", usual["model"]).items() if value != {}}
    timeout = {"timeout_s": request.timeout_s} if request.timeout_s else {}
    return {"dataset_name": form.source.dataset.name, "model": model, **fields, **timeout}
