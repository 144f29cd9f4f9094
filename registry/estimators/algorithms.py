"""The allow-list: every classifier, regressor and clusterer that can be trained on a table."""

import difflib
import json
import threading
import warnings
from dataclasses import dataclass
from functools import cache, cached_property

from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from registry.estimators import docstrings, sklearn_algorithms, sklearn_parameters
from registry.estimators.frameworks import extras
from registry.estimators.parameters import Parameter, shown

# Works on nearly every table without settings.
USUAL = {"classification": "RandomForestClassifier", "regression": "RandomForestRegressor"}

# They combine `members` by `weights`. Trainings find them, but need not be told of them: groups make them.
ENSEMBLES = {"VotingClassifier": "classification", "VotingRegressor": "regression"}
MAX_MEMBERS = 20

_lock = threading.Lock()
# Of a training's parameters as JSON, which are stored with its job and version, and shown on their pages.
MAX_PARAMETER_BYTES = 10 * 1024


@dataclass(frozen=True)
class Algorithm:
    """An estimator class on the allow-list, of scikit-learn or of a framework that is imported when it is used.

    `can_predict` is False for the clusterers that only label the rows that they were fitted on.
    """

    name: str
    module: str
    path: str  # of the class
    task: str
    summary: str
    can_predict: bool

    @cached_property
    def cls(self) -> type:
        """Raises ValidationError (framework_not_installed) if its framework lacks a library of the system."""
        try:
            return import_string(self.path)
        except (ImportError, OSError) as error:
            if self.framework is None:
                raise
            raise ValidationError(
                f"{self.framework.title} is installed but cannot be loaded: {error}. LightGBM needs the system's "
                "OpenMP library, such as the package libgomp1.",
                code=extras.NOT_INSTALLED,
            ) from error

    @property
    def framework(self) -> extras.Framework | None:
        """None for scikit-learn."""
        return extras.FRAMEWORKS.get(self.module)

    @property
    def is_ensemble(self) -> bool:
        """Whether it combines other algorithms, which its parameters name."""
        return self.name in ENSEMBLES

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that a request can set, in the order of the estimator's signature."""
        if self.framework:
            return self.framework.classes[self.name]
        return sklearn_parameters.read(self.cls, _preset(self))


def all_algorithms() -> tuple[Algorithm, ...]:
    """The allow-list, by task, then name. The first call imports scikit-learn, which takes some seconds."""
    with _lock:  # two first calls at once would both walk its packages, and fail on each other's imports
        return _all_algorithms()


@cache
def _all_algorithms() -> tuple[Algorithm, ...]:
    algorithms = [
        Algorithm(
            name=name,
            module=cls.__module__.split(".")[1],
            path=f"{cls.__module__}.{name}",
            task=task,
            summary=docstrings.summary(cls),
            can_predict=hasattr(cls, "predict"),
        )
        for name, cls, task in sklearn_algorithms.estimators()
    ]
    algorithms += [
        Algorithm(
            name,
            framework,
            f"{extras.FRAMEWORKS[framework].module}.{name}",
            extras.task_of(name),
            summary,
            can_predict=True,
        )
        for framework in extras.installed()
        for name, summary in extras.FRAMEWORKS[framework].summaries.items()
    ]
    return tuple(sorted(algorithms, key=lambda algorithm: (algorithm.task, algorithm.name)))


def get(module: str, class_name: str) -> Algorithm:
    """The algorithm `class_name` of `module` ("ensemble" or "sklearn.ensemble").

    Raises ValidationError: unknown_algorithm, which names the nearest class, or the module it is in, or
    framework_not_installed.
    """
    algorithm = find(class_name)
    if not isinstance(module, str) or module.removeprefix("sklearn.") != algorithm.module:
        raise ValidationError(
            f"{algorithm.name} is in the module {algorithm.module}, not in {shown(module)}.",
            code="unknown_algorithm",
        )
    return algorithm


def find(class_name: str) -> Algorithm:
    """The algorithm with this class name.

    Raises ValidationError: unknown_algorithm, which names the nearest one, or framework_not_installed.
    """
    by_name = {algorithm.name: algorithm for algorithm in all_algorithms()}
    if isinstance(class_name, str) and class_name in by_name:
        return by_name[class_name]
    if isinstance(class_name, str) and class_name in ENSEMBLES:
        return _ensemble(class_name)
    if isinstance(class_name, str) and (framework := extras.of_class(class_name)):
        extras.require(framework.name, class_name)
    raise ValidationError(_unknown(class_name, list(by_name)), code="unknown_algorithm")


@cache
def _ensemble(class_name: str) -> Algorithm:
    from sklearn import ensemble

    cls = getattr(ensemble, class_name)
    return Algorithm(
        class_name,
        "ensemble",
        f"sklearn.ensemble.{class_name}",
        ENSEMBLES[class_name],
        docstrings.summary(cls),
        can_predict=True,
    )


def _check_ensemble(algorithm: Algorithm, params: dict) -> dict:
    """`members` are other algorithms of the task with their parameters; `weights` are a number for each of them."""
    members, weights = params.get("members"), params.get("weights")
    if set(params) - {"members", "weights"} or not isinstance(members, list):
        raise _invalid(f"{algorithm.name} has the parameters members and weights.")
    if not 1 <= len(members) <= MAX_MEMBERS:
        raise _invalid(f"{algorithm.name} needs 1 to {MAX_MEMBERS} members.")
    checked = []
    for member in members:
        if not isinstance(member, dict) or set(member) - {"module", "class", "params"}:
            raise _invalid("A member has the fields module, class and params.")
        found = get(member.get("module"), member.get("class"))
        if found.is_ensemble or found.task != algorithm.task:
            raise _invalid(f"{found.name} cannot be a member of {algorithm.name}.")
        params = check_params(found, member.get("params", {}))
        checked.append({"module": found.module, "class": found.name, "params": params})
    is_list = isinstance(weights, list) and len(weights) == len(members)
    if weights is not None and not (
        is_list and all(type(w) in (int, float) and 0 < w <= 1e6 for w in weights)
    ):
        raise _invalid(f"weights of {algorithm.name} must be null, or a positive number for each member.")
    return {"members": checked, "weights": weights}


def check_params(algorithm: Algorithm, params: dict) -> dict:
    """The arguments to construct `algorithm` with: `params`, with 100.0 as 100 for an integer parameter.

    Raises ValidationError (invalid_parameter) that names each invalid parameter and its allowed values.
    """
    if not isinstance(params, dict):
        raise _invalid(f"The parameters of {algorithm.name} must be a JSON object.")
    if _json_size(params) > MAX_PARAMETER_BYTES:
        raise _invalid(f"The parameters of {algorithm.name} exceed the limit of 10 KB as JSON.")
    if algorithm.is_ensemble:
        return _check_ensemble(algorithm, params)
    checked, errors = {}, []
    for name, value in params.items():
        try:
            checked[name] = _checked(algorithm, name, value)
        except ValidationError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else ValidationError(errors)
    return checked


def build(algorithm: Algorithm, params: dict, random_state: int | None):
    """An unfitted estimator; `random_state` applies if the estimator has one and `params` does not set it.

    Raises ValidationError (invalid_parameter) as check_params does.
    """
    arguments = _preset(algorithm) | check_params(algorithm, params)
    if algorithm.framework and random_state is not None:
        random_state %= 2**31  # the seeds of LightGBM and CatBoost are signed
    if "random_state" in _signature(algorithm):
        arguments.setdefault("random_state", random_state)
    with warnings.catch_warnings():  # a class that scikit-learn has deprecated warns programmers
        warnings.simplefilter("ignore", FutureWarning)
        return algorithm.cls(**arguments)


def _preset(algorithm: Algorithm) -> dict:
    return (
        algorithm.framework.fixed
        if algorithm.framework
        else sklearn_algorithms.DEFAULTS.get(algorithm.name, {})
    )


def _signature(algorithm: Algorithm) -> dict:
    """The default of each parameter of its constructor."""
    if algorithm.framework:
        return {parameter.name: parameter.default for parameter in algorithm.parameters}
    return sklearn_parameters.defaults(algorithm.cls)


def _unknown(class_name: object, names: list[str]) -> str:
    if isinstance(class_name, str) and class_name in sklearn_algorithms.EXCLUDED:
        return f"{class_name} is not supported: {sklearn_algorithms.EXCLUDED[class_name]}."
    by_lower_name = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(class_name)[:80].lower(), by_lower_name, n=1)
    if near:
        return f"Unknown algorithm {shown(class_name)}; did you mean {by_lower_name[near[0]]}?"
    return (
        f"Unknown algorithm {shown(class_name)}; "
        "use a classifier, regressor or clusterer of scikit-learn, such as RandomForestClassifier."
    )


def _checked(algorithm: Algorithm, name: object, value: object) -> object:
    by_name = {parameter.name: parameter for parameter in algorithm.parameters}
    if name not in by_name:
        return _checked_unlisted(algorithm, name, value, list(by_name))
    parameter = by_name[name]
    if type(value) is float and value.is_integer() and not parameter.accepts(value):
        value = int(value)
    if not _is_json(value) or not parameter.accepts(value):
        near = parameter.closest_choice(value)
        hint = f"; did you mean {near}?" if near else "."
        raise _invalid(f"{name} of {algorithm.name} must be {parameter.allowed}, not {shown(value)}{hint}")
    return value


def _checked_unlisted(algorithm: Algorithm, name: object, value: object, names: list[str]) -> object:
    """Accepts null for a parameter that JSON cannot express and whose default is None."""
    defaults = _signature(algorithm)
    if isinstance(name, str) and algorithm.framework and name in algorithm.framework.refused:
        raise _invalid(f"{name} of {algorithm.name} cannot be set: {algorithm.framework.refused[name]}.")
    if isinstance(name, str) and name in defaults:
        if value is None and defaults[name] is None:
            return None
        raise _invalid(f"{name} of {algorithm.name} cannot be set; remove it.")
    near = difflib.get_close_matches(name[:80], names, n=1) if isinstance(name, str) else []
    hint = f"did you mean {near[0]}?" if near else f"its parameters are {', '.join(names) or 'none'}."
    raise _invalid(f"{algorithm.name} has no parameter {shown(name)}; {hint}")


def _is_json(value: object) -> bool:
    """False for NaN, infinity and other values that JSON cannot express, at any depth."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _json_size(params: dict) -> int:
    """0 for what JSON cannot express, which is rejected with another sentence."""
    try:
        return len(json.dumps(params, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        return 0


def _invalid(sentence: str) -> ValidationError:
    return ValidationError(sentence, code="invalid_parameter")
