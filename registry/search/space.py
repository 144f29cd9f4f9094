"""The parameters that a search varies, and their ranges. No Django models or settings, and no Optuna before a study."""

import difflib
import math
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from registry.estimators import algorithms
from registry.estimators.algorithms import Algorithm
from registry.estimators.parameters import is_same, shown

MAX_PARAMETERS, MAX_CHOICES = 20, 50
ROUNDING = 1e-9  # from 0.1 to 0.3 are two steps of 0.1
KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True)
class Range:
    """The values of one parameter: the choices, or numbers from `low` to `high`; `log` draws their logarithm."""

    name: str
    choices: tuple = ()
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None
    is_integer: bool = False

    @property
    def size(self) -> float:
        """How many values it has."""
        if self.choices:
            return len(self.choices)
        step = self.step or (1 if self.is_integer else 0)
        return math.floor((self.high - self.low) / step + ROUNDING) + 1 if step else math.inf

    def value(self, position: int) -> object:
        """The value at a position from 0, of a range of finite size."""
        if self.choices:
            return self.choices[position]
        if self.is_integer:
            return self.low + position * int(self.step or 1)
        return min(self.low + position * self.step, self.high)

    def position(self, value: object) -> int:
        """That of one of the choices."""
        return next(position for position, choice in enumerate(self.choices) if is_same(choice, value))


@dataclass(frozen=True)
class Family:
    """An algorithm with its fixed parameters and ranges; `first` are the values of its first trial, if it has one."""

    algorithm: Algorithm
    fixed: dict
    ranges: tuple[Range, ...]
    first: dict | None = None

    @property
    def size(self) -> float:
        return math.prod(one.size for one in self.ranges)

    def combination(self, position: int) -> dict:
        """The values of the ranges at a position from 0, of a family of finite size."""
        values = {}
        for one in self.ranges:
            position, index = divmod(position, one.size)
            values[one.name] = one.value(index)
        return values


def read(algorithm: Algorithm, ranges: dict, *, fixed: dict) -> Family:
    """The family of a search. Raises ValidationError with the sentences about each parameter, by its name."""
    if not ranges:
        raise _invalid("Name at least one parameter with its range.")
    if len(ranges) > MAX_PARAMETERS:
        raise _invalid(f"A search can vary {MAX_PARAMETERS} parameters, not {len(ranges):,}.")
    read, errors = [], {}
    for name, value in ranges.items():
        try:
            read.append(_range(algorithm, name, value, is_fixed=name in fixed))
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return Family(algorithm, fixed, tuple(read))


def _range(algorithm: Algorithm, name: str, value: object, *, is_fixed: bool) -> Range:
    if is_fixed:
        raise _invalid(f"{name} is also in `model.params`; give it a value or a range.")
    if isinstance(value, list):
        return _choices(algorithm, name, value)
    if not isinstance(value, dict):
        raise _invalid(
            f"{name} must have a list of values, or an object with low and high, not {shown(value)}."
        )
    if unknown := [key for key in value if key not in KEYS]:
        near = difflib.get_close_matches(str(unknown[0]), KEYS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else "the fields are low, high, log and step."
        raise _invalid(f"{name} has an unknown field {shown(unknown[0])}; {hint}")
    low, high = value.get("low"), value.get("high")
    log, step = value.get("log", False), value.get("step")
    if any(type(bound) not in (int, float) or not _is_finite(bound) for bound in (low, high)):
        raise _invalid(f"{name} needs numbers for low and high.")
    if type(log) is not bool:
        raise _invalid(f"{name}: log must be true or false.")
    if low >= high:
        raise _invalid(f"{name}: low ({shown(low)}) must be less than high ({shown(high)}).")
    low, high = _checked(algorithm, name, low), _checked(algorithm, name, high)
    _check_steps(name, low, log=log, step=step)
    is_integer = type(low) is int and type(high) is int and not _accepts_fractions(algorithm, name, low, high)
    if is_integer and step is not None and step != int(step):
        raise _invalid(f"{name} takes integers; step must be one.")
    return Range(name, low=low, high=high, log=log, step=step, is_integer=is_integer)


def _choices(algorithm: Algorithm, name: str, values: list) -> Range:
    if not 1 <= len(values) <= MAX_CHOICES:
        raise _invalid(f"{name} must have 1 to {MAX_CHOICES} values, not {len(values):,}.")
    return Range(name, choices=tuple(_checked(algorithm, name, value) for value in values))


def _check_steps(name: str, low: float, *, log: bool, step: object) -> None:
    if step is not None and (type(step) not in (int, float) or not _is_finite(step) or step <= 0):
        raise _invalid(f"{name}: step must be a number above 0.")
    if log and step is not None:
        raise _invalid(f"{name} can have log or step, not both.")
    if log and low <= 0:
        raise _invalid(f"{name}: low must be above 0 for log.")


def _checked(algorithm: Algorithm, name: str, value: object) -> object:
    """The value as the algorithm takes it. Raises ValidationError (invalid_parameter)."""
    return algorithms.check_params(algorithm, {name: value})[name]


def _accepts_fractions(algorithm: Algorithm, name: str, low: float, high: float) -> bool:
    """Whether the values between two whole bounds can be fractions: C from 1 to 10, but not max_depth."""
    parameter = next(one for one in algorithm.parameters if one.name == name)
    return parameter.accepts(float(low + high) / 2 + 0.25)


def _is_finite(value: float) -> bool:
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_range")
