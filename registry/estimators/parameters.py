"""What an estimator's parameters allow, read from the constraints that it declares itself."""

import difflib
import inspect
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from registry.estimators import docstrings

# `memory` names a directory that the estimator writes a cache to: no request may choose one.
FORBIDDEN = {"memory"}
# Choices that need a square distance matrix or a Python function instead of a table.
NOT_FROM_A_TABLE = {"precomputed", "precomputed_nearest_neighbors", "pyfunc"}
# scikit-learn sets no upper bound here; one request must not be able to claim the whole machine.
UPPER_BOUNDS = {"n_estimators": 100_000, "n_jobs": 64}
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Rule:
    """One way to satisfy a parameter: a kind of JSON value and its bounds or choices."""

    kind: str
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    choices: tuple[str, ...] = ()
    only_fractions: bool = False
    shapes: tuple[type, ...] = ()

    def accepts(self, value: object) -> bool:
        if self.kind == "none":
            return value is None
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind == "choice":
            return isinstance(value, str) and value in self.choices
        if self.kind == "json":
            return isinstance(value, self.shapes)
        if self.kind == "integer" or self.only_fractions:
            wanted = int if self.kind == "integer" else float
            return type(value) is wanted and self._in_range(value)
        return type(value) in (int, float) and self._in_range(value)

    def _in_range(self, value: float) -> bool:
        if not math.isfinite(value) if isinstance(value, float) else abs(value) >= 2**63:
            return False
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below

    @property
    def phrase(self) -> str:
        if self.kind in ("integer", "number"):
            noun = "a whole number" if self.kind == "integer" else "a number"
            return " ".join([noun, *self._bounds()])
        if self.kind == "choice":
            some = ", ".join(self.choices[:12])
            more = f" … ({len(self.choices)} in all)" if len(self.choices) > 12 else ""
            return some if len(self.choices) == 1 else f"one of {some}{more}"
        if self.kind == "json":
            nouns = {list: "a list", dict: "an object", str: "a text", int: "a whole number"}
            return " or ".join(nouns[shape] for shape in self.shapes)
        return {"boolean": "true or false", "none": "empty"}[self.kind]

    def _bounds(self) -> Iterator[str]:
        low, high = _plain(self.low), _plain(self.high)
        if low is not None:
            yield f"above {low}" if self.low_open else f"from {low}"
        if high is None:
            yield from ["up"] if low is not None and not self.low_open else []
        elif self.high_open:
            yield f"and below {high}" if self.low_open else f"to below {high}" if low else f"below {high}"
        else:
            yield f"up to {high}" if self.low_open or low is None else f"to {high}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an algorithm: enough to render a form field and to say what is allowed.

    `kinds` are of integer, number, boolean, choice, none, json (lists, objects, class values).
    `low` and `high` are the widest bounds over all rules; `rules` are exact.
    """

    name: str
    kinds: tuple[str, ...]
    default: object
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    low_open: bool
    high_open: bool
    nullable: bool
    help: str
    rules: tuple[Rule, ...]

    @property
    def allowed(self) -> str:
        """A sentence fragment: "a whole number from 1 up, or empty"."""
        return ", or ".join(dict.fromkeys(rule.phrase for rule in self.rules))

    def accepts(self, value: object) -> bool:
        return any(rule.accepts(value) for rule in self.rules)

    def nearest(self, value: object) -> str | None:
        found = difflib.get_close_matches(str(value), self.choices, n=1) if isinstance(value, str) else []
        return found[0] if found else None


def read(cls: type, preset: dict[str, object]) -> tuple[Parameter, ...]:
    """The parameters of `cls` that JSON can express, in the order of its signature, with `preset` defaults.

    Left out: estimators, callables and kernels, which JSON cannot carry; deprecated ones; FORBIDDEN.
    """
    helps = docstrings.parameters(cls)
    found = []
    for name, default in (defaults(cls) | preset).items():
        rules = _rules(name, cls._parameter_constraints.get(name, []))
        if name in FORBIDDEN or default == "deprecated" or {rule.kind for rule in rules} <= {"none"}:
            continue
        found.append(_parameter(name, _json_default(default, rules), rules, helps.get(name, "")))
    return tuple(found)


def defaults(cls: type) -> dict[str, object]:
    """The constructor's parameters and their defaults; `inspect.Parameter.empty` marks a required one."""
    constructor = getattr(cls.__init__, "deprecated_original", cls.__init__)
    return {p.name: p.default for p in inspect.signature(constructor).parameters.values() if p.name != "self"}


def shown(value: object) -> str:
    """`value` as JSON for an error message, at most 60 characters."""
    if type(value) is int and abs(value) >= 2**63:  # str() of a very long int raises
        return "a number that is too large"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return f"a {type(value).__name__} that is not JSON"
    return text if len(text) <= 60 else text[:59] + "…"


def _parameter(name: str, default: object, rules: tuple[Rule, ...], help_text: str) -> Parameter:
    numeric = [rule for rule in rules if rule.kind in ("integer", "number")]
    lows = [(math.inf if rule.low is None else -rule.low, not rule.low_open) for rule in numeric]
    highs = [(math.inf if rule.high is None else rule.high, not rule.high_open) for rule in numeric]
    low, low_closed = max(lows, default=(math.inf, True))
    high, high_closed = max(highs, default=(math.inf, True))
    kinds = tuple(dict.fromkeys(rule.kind for rule in rules))
    return Parameter(
        name=name,
        kinds=kinds,
        default=default,
        choices=tuple(choice for rule in rules for choice in rule.choices),
        low=None if low == math.inf else -low,
        high=None if high == math.inf else high,
        low_open=not low_closed,
        high_open=not high_closed,
        nullable="none" in kinds,
        help=help_text,
        rules=rules,
    )


def _rules(name: str, constraints: object) -> tuple[Rule, ...]:
    """The constraints of one parameter as rules, "empty" last; those that JSON cannot satisfy are dropped."""
    if isinstance(constraints, str):  # "no_validation"
        return ()
    rules = list(dict.fromkeys(rule for constraint in constraints for rule in _translate(name, constraint)))
    return tuple(sorted(rules, key=lambda rule: rule.kind == "none"))


def _translate(name: str, constraint: object) -> Iterator[Rule]:
    from sklearn.utils import _param_validation as validation

    if constraint is None:
        yield Rule("none")
    elif isinstance(constraint, validation.StrOptions):
        kept = constraint.options - constraint.deprecated - NOT_FROM_A_TABLE
        yield Rule("choice", choices=tuple(sorted(kept)))
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
        yield Rule("json", shapes=(list,))
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


def _type_rules(name: str, wanted: type) -> Iterator[Rule]:
    from numbers import Integral, Real

    if wanted is Integral and name == "n_jobs":
        yield Rule("integer", low=-UPPER_BOUNDS[name], high=UPPER_BOUNDS[name])
    elif wanted is Integral:
        yield Rule("integer")
    elif wanted is Real:
        yield Rule("number")
    elif wanted is str and name == "scoring":
        from sklearn.metrics import get_scorer_names

        yield Rule("choice", choices=("loss", *get_scorer_names()))
    elif wanted in (str, list, dict):
        yield Rule("json", shapes=(wanted,))


def _json_default(default: object, rules: tuple[Rule, ...]) -> object:
    """The default as JSON; None for infinity and for markers such as "warn", which a form shows as empty."""
    value = list(default) if isinstance(default, tuple) else default
    value = float(value) if isinstance(value, float) else value  # numpy's own float is not JSON
    return value if any(rule.accepts(value) for rule in rules) else None


def _plain(bound: float | None) -> str | None:
    """1.0 as "1", 0.5 as "0.5"."""
    return None if bound is None else str(int(bound) if float(bound).is_integer() else bound)
