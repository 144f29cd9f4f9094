"""The allow-list: every scikit-learn classifier, regressor and clusterer that works on a table as it is."""

import difflib
import inspect
import json
import threading
import warnings
from dataclasses import dataclass
from functools import cache, cached_property

from django.core.exceptions import ValidationError

from registry.estimators import docstrings, parameters
from registry.estimators.parameters import Parameter

TASKS = {"classifier": "classification", "regressor": "regression", "cluster": "clustering"}

# What scikit-learn lists, can build without arguments, and still cannot train on one table and one target.
LEFT_OUT = {
    "FeatureAgglomeration": "it groups columns, not rows; use AgglomerativeClustering for rows",
    "MultiTaskElasticNet": "it needs several target columns; use ElasticNet",
    "MultiTaskElasticNetCV": "it needs several target columns; use ElasticNetCV",
    "MultiTaskLasso": "it needs several target columns; use Lasso",
    "MultiTaskLassoCV": "it needs several target columns; use LassoCV",
    "SelfTrainingClassifier": "it needs another estimator as an argument",
}

# scikit-learn's own defaults that fail on one target column, or on a row far from the training rows.
DEFAULTS = {
    "CCA": {"n_components": 1},
    "IsotonicRegression": {"out_of_bounds": "clip"},
    "PLSCanonical": {"n_components": 1},
    "RadiusNeighborsClassifier": {"outlier_label": "most_frequent"},
}


_reading = threading.Lock()


@dataclass(frozen=True)
class Algorithm:
    """An estimator class on the allow-list.

    `can_predict` is False for the clusterers that can only label the rows they were fitted on.
    """

    name: str
    module: str
    cls: type
    task: str
    summary: str
    can_predict: bool

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What a request may set, in the order of the estimator's signature."""
        return parameters.read(self.cls, DEFAULTS.get(self.name, {}))


def all_algorithms() -> tuple[Algorithm, ...]:
    """The allow-list, by task, then name. The first call imports scikit-learn, which takes some seconds."""
    with _reading:  # two first calls at once would both walk its packages, and trip over each other's imports
        return _all_algorithms()


@cache
def _all_algorithms() -> tuple[Algorithm, ...]:
    found = [
        _algorithm(name, cls, task)
        for kind, task in TASKS.items()
        for name, cls in _estimators(kind)
        if name not in LEFT_OUT and not _requires_arguments(cls)
    ]
    return tuple(sorted(found, key=lambda algorithm: (algorithm.task, algorithm.name)))


def get(module: str, class_name: str) -> Algorithm:
    """The algorithm `class_name` of `module` ("ensemble" or "sklearn.ensemble").

    Raises ValidationError (unknown_algorithm) that names the nearest class, or the module it is in.
    """
    algorithm = find(class_name)
    if not isinstance(module, str) or module.removeprefix("sklearn.") != algorithm.module:
        raise ValidationError(
            f"{algorithm.name} is in the module {algorithm.module}, not in {parameters.shown(module)}.",
            code="unknown_algorithm",
        )
    return algorithm


def find(class_name: str) -> Algorithm:
    """The algorithm of that class name.

    Raises ValidationError (unknown_algorithm) that names the nearest one.
    """
    by_name = {algorithm.name: algorithm for algorithm in all_algorithms()}
    if isinstance(class_name, str) and class_name in by_name:
        return by_name[class_name]
    raise ValidationError(_unknown(class_name, list(by_name)), code="unknown_algorithm")


def check_params(algorithm: Algorithm, params: dict) -> dict:
    """The parameters to construct `algorithm` with: `params`, with 100.0 as 100 where a whole number is due.

    Raises ValidationError (invalid_parameter) that names the parameter and what it allows.
    """
    if not isinstance(params, dict):
        raise _invalid(f"The parameters of {algorithm.name} must be an object of names and values.")
    return {name: _checked(algorithm, name, value) for name, value in params.items()}


def build(algorithm: Algorithm, params: dict, random_state: int | None):
    """An unfitted estimator; `random_state` is set where the estimator has one and `params` does not give it.

    Raises ValidationError (invalid_parameter) as check_params does.
    """
    arguments = DEFAULTS.get(algorithm.name, {}) | check_params(algorithm, params)
    if "random_state" in parameters.defaults(algorithm.cls):
        arguments.setdefault("random_state", random_state)
    with warnings.catch_warnings():  # a class that scikit-learn has deprecated says so to programmers
        warnings.simplefilter("ignore", FutureWarning)
        return algorithm.cls(**arguments)


def _estimators(kind: str) -> list[tuple[str, type]]:
    from sklearn.utils import all_estimators

    return all_estimators(type_filter=kind)


def _requires_arguments(cls: type) -> bool:
    return inspect.Parameter.empty in parameters.defaults(cls).values()


def _algorithm(name: str, cls: type, task: str) -> Algorithm:
    return Algorithm(
        name=name,
        module=cls.__module__.split(".")[1],
        cls=cls,
        task=task,
        summary=docstrings.summary(cls),
        can_predict=hasattr(cls, "predict"),
    )


def _unknown(class_name: object, names: list[str]) -> str:
    if isinstance(class_name, str) and class_name in LEFT_OUT:
        return f"{class_name} cannot be trained here: {LEFT_OUT[class_name]}."
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(class_name)[:80].lower(), lowered, n=1)
    if near:
        return f"There is no algorithm {parameters.shown(class_name)}; did you mean {lowered[near[0]]}?"
    return (
        f"There is no algorithm {parameters.shown(class_name)}; "
        "take a classifier, regressor or clusterer of scikit-learn, such as RandomForestClassifier."
    )


def _checked(algorithm: Algorithm, name: object, value: object) -> object:
    by_name = {parameter.name: parameter for parameter in algorithm.parameters}
    if name not in by_name:
        return _checked_unlisted(algorithm, name, value, list(by_name))
    parameter = by_name[name]
    if type(value) is float and value.is_integer() and not parameter.accepts(value):
        value = int(value)
    if not parameter.accepts(value) or not _is_json(value):
        near = parameter.nearest(value)
        hint = f"; did you mean {near}?" if near else "."
        raise _invalid(
            f"{name} of {algorithm.name} must be {parameter.allowed}, not {parameters.shown(value)}{hint}"
        )
    return value


def _checked_unlisted(algorithm: Algorithm, name: object, value: object, names: list[str]) -> object:
    """A parameter that JSON cannot express may still be sent with the value that leaves it alone: null."""
    known = parameters.defaults(algorithm.cls)
    if isinstance(name, str) and name in known:
        if value is None and known[name] is None:
            return None
        raise _invalid(f"{name} of {algorithm.name} cannot be set here; leave it out.")
    near = difflib.get_close_matches(name[:80], names, n=1) if isinstance(name, str) else []
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names) or 'none'}."
    raise _invalid(f"{algorithm.name} has no parameter {parameters.shown(name)}; {hint}")


def _is_json(value: object) -> bool:
    """False for NaN, infinity, and anything that did not come from JSON, at any depth."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_parameter")
