"""The fields of an algorithm's parameters: a value each or, while it is tuned, a range to search too."""

import contextlib
import re
from dataclasses import dataclass

from django import forms
from django.core.exceptions import ValidationError

from registry.estimators import algorithms
from registry.estimators.form_fields import ParameterField, parse, shown, text_widget
from registry.search import families, space

PREFIX = "param-"
# Only one way to match any text: with a second one, a text of 100 digits would take minutes.
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
RANGE = re.compile(rf"({NUMBER})\s+to\s+({NUMBER})(?:\s+(log)|\s+step\s+({NUMBER}))?")
BETWEEN = "|"  # choices
USUAL_HELP = "An empty field means the default, which is shown in grey."
HELP = (
    "A value, a range such as 0.01 to 0.3 log, 2 to 10 or 0 to 1 step 0.1, or choices such as sqrt | log2. An empty "
    "field means the default, which is shown in grey."
)


@dataclass(frozen=True)
class Searched:
    """A parameter's range as the API has it: a list of values, or an object with low and high."""

    range: list | dict


class TunedField(ParameterField):
    """A parameter that can have a range too."""

    def __init__(self, parameter):
        super().__init__(parameter)
        self.widget = text_widget(parameter)

    def clean(self, value):
        text = forms.CharField.clean(self, value).strip()
        if found := RANGE.fullmatch(text):
            low, high, log, step = found.groups()
            bounds = {"low": _number(low), "high": _number(high)}
            options = {"log": True} if log else {"step": _number(step)} if step else {}
            return True, Searched(bounds | options)
        if BETWEEN in text:
            return True, Searched([parse(one.strip(), self.parameter) for one in text.split(BETWEEN)])
        return super().clean(value)


def add(form, *, is_tuned: bool) -> None:
    """The fields of the one algorithm that is tried; while all are empty, the usual ranges are entered."""
    field = TunedField if is_tuned else ParameterField
    for parameter in form.tried_parameters:
        form.fields[PREFIX + parameter.name] = field(parameter)
    if is_tuned and not form.is_bound:
        names = [PREFIX + parameter.name for parameter in form.tried_parameters]
        if not any(form.initial.get(name) for name in names):
            form.initial |= {PREFIX + name: text for name, text in usual_ranges(form.algorithm).items()}


def usual_ranges(algorithm: algorithms.Algorithm) -> dict[str, str]:
    """The text of the ranges that are usually searched, by parameter; none of most algorithms."""
    return {one.name: as_text(_as_json(one)) for one in families.usual_ranges(algorithm)}


def read(form, problems: dict[str, str]) -> tuple[dict, dict]:
    """The parameters that are entered, and the ranges; adds the error of each other one to `problems`, by its name."""
    params, ranges = {}, {}
    for parameter in form.tried_parameters:
        try:
            is_set, value = form.cleaned(PREFIX + parameter.name)
            if is_set:
                checked = _checked(form.algorithm, parameter.name, value)
                (ranges if isinstance(value, Searched) else params)[parameter.name] = checked
        except ValidationError as error:
            problems[parameter.name] = error.messages[0]
    return params, ranges


def check(form, cleaned: dict) -> None:
    """Add the errors of the entered parameters to the form, also of those that the algorithm does not have."""
    if not form.tried_parameters:
        return
    for parameter in form.tried_parameters:
        is_set, value = cleaned.get(PREFIX + parameter.name) or (False, None)
        if is_set:
            try:
                _checked(form.algorithm, parameter.name, value)
            except ValidationError as error:
                form.add_error(PREFIX + parameter.name, error)
    for name in form.data:  # the form can be of another algorithm
        if name.startswith(PREFIX) and name not in form.fields and form.data[name].strip():
            try:
                algorithms.check_params(form.algorithm, {name.removeprefix(PREFIX): form.data[name]})
            except ValidationError as error:
                form.add_error(None, error)


def initial_of(params: dict, ranges: dict) -> dict:
    """The values of the fields that repeat these parameters and ranges."""
    texts = {name: shown(value) for name, value in params.items()}
    texts |= {name: as_text(value) for name, value in ranges.items()}
    return {PREFIX + name: text for name, text in texts.items()}


def as_text(range_: list | dict) -> str:
    """A range as it is entered."""
    if isinstance(range_, list):
        return f" {BETWEEN} ".join(map(shown, range_))
    end = " log" if range_.get("log") else f" step {shown(range_['step'])}" if range_.get("step") else ""
    return f"{shown(range_['low'])} to {shown(range_['high'])}{end}"


def _as_json(one: space.Range) -> list | dict:
    if one.choices:
        return list(one.choices)
    return {"low": one.low, "high": one.high, "log": one.log, "step": one.step}


def _checked(algorithm, name, value):
    """The value or the range as a request has it. Raises ValidationError."""
    if not isinstance(value, Searched):
        return algorithms.check_params(algorithm, {name: value})[name]
    try:
        space.read(algorithm, {name: value.range}, fixed={})
    except ValidationError as error:
        raise error.error_dict[name][0] from error
    return value.range


def _number(text: str) -> int | float:
    """An integer stays one. What is too large for a float is infinite, which no range can be."""
    with contextlib.suppress(ValueError):  # a fraction, or more digits than Python reads
        return int(text)
    return float(text)
