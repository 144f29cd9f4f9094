"""The parameters of a scikit-learn estimator, read from the constraints that its class declares."""

import inspect
import math
from collections.abc import Iterator
from dataclasses import replace

from registry.estimators import docstrings
from registry.estimators.parameters import Parameter, Rule

# `memory` names a directory that the estimator writes a cache to: a request must not choose one.
FORBIDDEN = {"memory"}
# Choices that need a square distance matrix or a Python function instead of a table.
UNSUPPORTED_CHOICES = {"precomputed", "precomputed_nearest_neighbors", "pyfunc"}
# scikit-learn declares few upper bounds, but the memory and time of a fit grow with most parameters: one request must
# not be able to claim the whole machine. These bounds apply where it declares none; those by name to the parameters
# that allocate or iterate by their value alone, whatever the size of the table.
MAX_INTEGER = 10_000_000
MAX_NUMBER = 1e12
MIN_POSITIVE = 1e-12  # LinearSVC with C=5e-324 does not end
MAX_ITEMS = 10_000  # of a list or an object, such as one for each column
MAX_INTEGERS = {
    "Cs": 100,
    "alphas": 1_000,
    "batch_size": 100_000,
    "branching_factor": 1_000,
    "convergence_iter": 1_000,
    "cv": 1_000,
    "degree": 100,
    "hidden_layer_sizes": 10_000,
    "max_iter_predict": 10_000,
    "max_leaf_nodes": 100_000,
    "max_n_alphas": 10_000,
    "max_trials": 1_000_000,
    "min_categories": 10_000,
    "n_clusters": 100_000,
    "n_components": 10_000,
    "n_estimators": 100_000,
    "n_init": 1_000,
    "n_iter_no_change": 100_000,
    "n_jobs": 64,
    "n_restarts_optimizer": 1_000,
    "n_targets": 1_000,
    "verbose": 100,
}
MAX_NUMBERS = {"cache_size": 10_000, "degree": 100, "max_samples": 10, "max_subpopulation": 1_000_000}
MAX_LISTS = {"Cs": 100, "alphas": 1_000, "hidden_layer_sizes": 100, "l1_ratio": 100, "l1_ratios": 100}
LISTS_OF_INTEGERS = {"hidden_layer_sizes", "min_categories"}
LABELS = {"constant", "outlier_label"}  # any class, up to the largest integer that JSON can express exactly
MAX_LABEL = 2**53 - 1


def read(cls: type, preset: dict[str, object]) -> tuple[Parameter, ...]:
    """The parameters of `cls` that JSON can express, in the order of its signature, with `preset` defaults.

    Excluded: estimators, callables and kernels, which JSON cannot express; deprecated ones; FORBIDDEN.
    """
    helps = docstrings.parameters(cls)
    parameters = []
    for name, default in (defaults(cls) | preset).items():
        rules = tuple(_bounded(name, rule) for rule in _rules(name, cls._parameter_constraints.get(name, [])))
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
        yield _interval_rule(constraint)
    elif constraint == "cv_object":
        yield from (Rule("integer", low=2), Rule("none"))
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


def _bounded(name: str, rule: Rule) -> Rule:
    """The rule with an upper and a lower bound, if its values are numbers, lists or objects."""
    if rule.kind == "integer":
        high = MAX_LABEL if name in LABELS else MAX_INTEGERS.get(name, MAX_INTEGER)
    elif rule.kind == "number":
        high = MAX_NUMBERS.get(name, MAX_NUMBER)
        if rule.high is None and rule.low == 0 and rule.low_open:
            rule = replace(rule, low=MIN_POSITIVE, low_open=False)
    elif rule.kind == "json" and rule.types in ((list,), (dict,)):
        is_whole = name in LISTS_OF_INTEGERS
        rule = replace(rule, max_items=MAX_LISTS.get(name, MAX_ITEMS), low=1 if is_whole else None)
        high = MAX_INTEGERS[name] if is_whole else MAX_LABEL if name in LABELS else MAX_NUMBER
    else:
        return rule
    return replace(
        rule,
        low=-high if rule.low is None else rule.low,
        high=high if rule.high is None else rule.high,
    )


def _interval_rule(interval) -> Rule:
    from numbers import Integral

    from sklearn.utils._param_validation import RealNotInt

    kind = "integer" if interval.type is Integral else "number"
    low = None if interval.left in (None, -math.inf) else interval.left
    high = None if interval.right in (None, math.inf) else interval.right
    return Rule(
        kind,
        low=low,
        high=high,
        low_open=low is not None and interval.closed in ("right", "neither"),
        high_open=high is not None and interval.closed in ("left", "neither"),
        only_fractions=interval.type is RealNotInt,
    )


def _type_rules(name: str, required: type) -> Iterator[Rule]:
    from numbers import Integral, Real

    if required is Integral:
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
