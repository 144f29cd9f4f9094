"""The optional frameworks: what each offers, and whether it is installed. Nothing here imports them.

A web process that uses none keeps the memory: each is imported when an estimator of it is built or loaded.
"""

import importlib.util
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from registry.estimators.frameworks import (
    catboost_algorithms,
    lightgbm_algorithms,
    network_algorithms,
    xgboost_algorithms,
)
from registry.estimators.parameters import Parameter

NOT_INSTALLED = "framework_not_installed"


@dataclass(frozen=True)
class Framework:
    """An extra of pyproject.toml. `name` is that of the extra and of the Python package.

    `classes` are the parameters of each estimator; `refused` says why a parameter of its signature cannot be set.
    `fixed` are the arguments that the platform chooses. `module` has the classes, and `needs` are other packages of
    the extra. A network is compiled: artifacts load and predict without its framework.
    """

    name: str
    title: str
    classes: dict[str, tuple[Parameter, ...]]
    summaries: dict[str, str]
    refused: dict[str, str]
    fixed: dict[str, object]
    module: str
    needs: tuple[str, ...] = ()
    is_network: bool = False

    @property
    def is_installed(self) -> bool:
        return all(importlib.util.find_spec(package) for package in (self.name, *self.needs))

    @property
    def command(self) -> str:
        """What installs it."""
        return f"make run EXTRAS={self.name}"

    def missing(self, subject: str) -> str:
        """The sentence about what needs it while it is not installed."""
        return (
            f"{subject} needs {self.title}, which is not installed on this server. "
            f"Install it with `{self.command}`."
        )


def _of(name: str, title: str, described) -> Framework:
    described = described.CLASSES, described.SUMMARIES, described.REFUSED, described.FIXED
    return Framework(name, title, *described, name)


def _network(name: str, title: str, prefix: str, *, needs: tuple[str, ...]) -> Framework:
    classes, summaries = network_algorithms.classes(prefix), network_algorithms.summaries(prefix, title)
    refused = network_algorithms.REFUSED
    return Framework(name, title, classes, summaries, refused, {}, NETWORKS, needs, is_network=True)


NETWORKS = "registry.estimators.networks.estimators"


FRAMEWORKS = {
    one.name: one
    for one in (
        _of("xgboost", "XGBoost", xgboost_algorithms),
        _of("lightgbm", "LightGBM", lightgbm_algorithms),
        _of("catboost", "CatBoost", catboost_algorithms),
        # No algorithms: it runs models that were imported. `onnx` reads them in the process of an import.
        Framework("onnxruntime", "ONNX Runtime", {}, {}, {}, {}, "onnxruntime", needs=("onnx",)),
        _network("torch", "PyTorch", "Torch", needs=("skorch",)),
        _network("keras", "Keras", "Keras", needs=("torch",)),
    )
}


def installed() -> tuple[str, ...]:
    """The names of the frameworks that this process can import."""
    return tuple(name for name, framework in FRAMEWORKS.items() if framework.is_installed)


def not_installed() -> list[Framework]:
    return [framework for framework in FRAMEWORKS.values() if not framework.is_installed]


def of_class(class_name: str) -> Framework | None:
    """The framework that offers this class, installed or not."""
    return next((one for one in FRAMEWORKS.values() if class_name in one.classes), None)


def of_estimator(estimator) -> Framework | None:
    """The framework of an instance."""
    return of_class(type(estimator).__name__)


def used_by(module: str, params: dict) -> list[str]:
    """The frameworks that the artifact of an algorithm, or of an ensemble of members, needs to predict."""
    members = params.get("members") or ()
    modules = {module, *(member["module"] for member in members)}
    return [name for name, one in FRAMEWORKS.items() if name in modules and not one.is_network]


def task_of(class_name: str) -> str:
    return "classification" if class_name.endswith("Classifier") else "regression"


def require(name: str, subject: str) -> None:
    """Raise ValidationError (framework_not_installed) if this framework is one of ours and is missing."""
    framework = FRAMEWORKS.get(name)
    if framework and not framework.is_installed:
        raise ValidationError(framework.missing(subject), code=NOT_INSTALLED)
