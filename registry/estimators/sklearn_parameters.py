"""The parameters of a scikit-learn estimator, read from the constraints that its class declares."""

import inspect
import math
from collections.abc import Iterator

from registry.estimators import docstrings
from registry.estimators.parameters import Parameter, Rule

# `memory` names a directory that the estimator writes a cache to: a request must not choose one.
FORBIDDEN = {"memory"}
# Choices that need a square distance matrix or a Python function instead of a table.
UNSUPPORTED_CHOICES = {"precomputed", "precomputed_nearest_neighbors", "pyfunc"}
# scikit-learn sets no upper bound here; one request must not be able to claim the whole machine.
UPPER_BOUNDS = {"n_estimators": 100_000, "n_jobs": 64}
INT32_MAX = 2**31 - 1


def read(cls: type, preset: dict[str, object]) -> tuple[Parameter, ...]:
    """The parameters of `cls` that JSON can express, in the order of its signature, with `preset` defaults.

    Excluded: estimators, callables and kernels, which JSON cannot express; deprecated ones; FORBIDDEN.
    """
    helps = docstrings.parameters(cls)
    parameters = []
    for name, default in (defaults(cls) | preset).items():
        rules = _rules(name, cls._parameter_constraints.get(name, []))
        if name in FORBIDDEN or default == "deprecated" or {rule.kind for rule in rules} <= {"none"}:
            continue
        parameters.append(
            Parameter.of_rules(
                name, rules, default=_json_default(default, rules), help_text=helps.get(name, "")
            )
        )
    return tuple(parameters)


def defaults(cls: type) -> dict[str, object]:
    """The constructor's parameters and their defaults; `inspect.Parameter.empty` marks a required one."""
    constructor = getattr(cls.__init__, "deprecated_original", cls.__init__)
    return {p.name: p.default for p in inspect.signature(constructor).parameters.values() if p.name != "self"}


def _rules(name: str, constraints: object) -> tuple[Rule, ...]:
    """The constraints of one parameter as rules, null last; those that JSON cannot satisfy are dropped."""
    if isinstance(constraints, str):  # "no_validation"
        return ()
    rules = list(dict.fromkeys(rule for constraint in constraints for rule in _translate(name, constraint)))
    return tuple(sorted(rules, key=lambda rule: rule.kind == "none"))


def _translate(name: str, constraint: object) -> Iterator[Rule]:
    from sklearn.utils import _param_validation as validation

    if constraint is None:
        yield Rule("none")
    elif isinstance(constraint, validation.StrOptions):
        choices = constraint.options - constraint.deprecated - UNSUPPORTED_CHOICES
        yield Rule("choice", choices=tuple(sorted(choices)))
    elif isinstance(constraint, validation.Interval):
        yield _interval_rule(name, constraint)
    elif constraint == "cv_object":
        yield from (Rule("integer", low=2, high=INT32_MAX), Rule("none"))
    elif constraint == "random_state":
        yield from (Rule("integer", low=0, high=2**32 - 1), Rule("none"))
    elif constraint == "verbose":
        yield from (Rule("boolean"), Rule("integer", low=0))
    elif constraint == "boolean":
        yield Rule("boolean")
    elif constraint == "array-like":
        yield Rule("json", types=(list,))
    elif isinstance(constraint, type):
        yield from _type_rules(name, constraint)


def _interval_rule(name: str, interval) -> Rule:
    from numbers import Integral

    from sklearn.utils._param_validation import RealNotInt

    kind = "integer" if interval.type is Integral else "number"
    low = None if interval.left in (None, -math.inf) else interval.left
    high = None if interval.right in (None, math.inf) else interval.right
    if kind == "integer" and high is None:
        high = UPPER_BOUNDS.get(name)
    return Rule(
        kind,
        low=low,
        high=high,
        low_open=low is not None and interval.closed in ("right", "neither"),
        high_open=high is not None and high == interval.right and interval.closed in ("left", "neither"),
        only_fractions=interval.type is RealNotInt,
    )


def _type_rules(name: str, required: type) -> Iterator[Rule]:
    from numbers import Integral, Real

    if required is Integral and name == "n_jobs":
        yield Rule("integer", low=-UPPER_BOUNDS[name], high=UPPER_BOUNDS[name])
    elif required is Integral:
        yield Rule("integer")
    elif required is Real:
        yield Rule("number")
    elif required is str and name == "scoring":
        from sklearn.metrics import get_scorer_names

        yield Rule("choice", choices=("loss", *get_scorer_names()))
    elif required in (str, list, dict):
        yield Rule("json", types=(required,))


def _json_default(default: object, rules: tuple[Rule, ...]) -> object:
    """The default as JSON; None for infinity and for markers such as "warn", which a form shows as empty."""
    value = list(default) if isinstance(default, tuple) else default
    value = float(value) if isinstance(value, float) else value  # numpy's float type is not JSON
    return value if any(rule.accepts(value) for rule in rules) else None
