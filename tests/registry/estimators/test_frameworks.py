"""Optional frameworks: their parameters are those of the installed library, and they are imported only to be used."""

import dataclasses
import inspect
import subprocess
import sys

import numpy as np
import pytest
from django.core.exceptions import ValidationError

from mlplatform.jobs.children.process import ChildProcess
from registry.estimators import algorithms, wrappers
from registry.estimators.frameworks import extras, fitting
from registry.estimators.frameworks.extras import FRAMEWORKS
from tests.registry.estimators import without_frameworks

CLASSES = [(framework, name) for framework in FRAMEWORKS.values() for name in framework.classes]
each_class = pytest.mark.parametrize(
    ("framework", "name"),
    [
        pytest.param(framework, name, id=name, marks=pytest.mark.skipif(
            not framework.is_installed, reason=f"needs {framework.title}, which `make test` installs"
        ))
        for framework, name in CLASSES
    ],
)  # fmt: skip


FEW = {
    "XGB": {"n_estimators": 5},
    "LGB": {"n_estimators": 5},
    "Cat": {"iterations": 5},
    "Tor": {"max_epochs": 1},
    "Ker": {"max_epochs": 1},
}


def signature(cls) -> dict:
    """The parameters of a constructor and those that it passes on to its base classes."""
    found = {}
    for one in reversed(cls.__mro__):
        if "__init__" in vars(one):
            parameters = inspect.signature(one.__init__).parameters.values()
            found |= {parameter.name: parameter.default for parameter in parameters}
    return {name: default for name, default in found.items() if name not in {"self", "args"}}


def refusal(name: str, params: dict) -> str:
    with pytest.raises(ValidationError) as caught:
        algorithms.check_params(algorithms.find(name), params)
    return caught.value.message


@each_class
def test_every_parameter_of_the_library_can_be_set_or_is_refused_with_a_reason(framework, name):
    offered, theirs = {one.name for one in framework.classes[name]}, set(signature(algorithms.find(name).cls))
    if framework.name == "catboost":  # whose other parameters are a hundred
        assert offered <= theirs
    else:
        assert theirs - offered <= set(framework.refused)


@each_class
def test_the_defaults_are_those_of_the_library_where_its_signature_has_them(framework, name):
    theirs = signature(algorithms.find(name).cls)
    for parameter in framework.classes[name]:
        if theirs.get(parameter.name) is not None:
            assert parameter.default == theirs[parameter.name], parameter.name


@each_class
def test_every_parameter_has_bounds_and_a_sentence(framework, name):
    for parameter in framework.classes[name]:
        assert parameter.help.endswith("."), parameter.name
        assert parameter.accepts(parameter.default), parameter.name
        for rule in parameter.rules:
            assert rule.kind not in ("integer", "number") or None not in (rule.low, rule.high)


def test_a_parameter_of_the_platform_or_of_code_is_refused_with_the_reason():
    assert refusal("XGBClassifier", {"n_jobs": 8}) == (
        "n_jobs of XGBClassifier cannot be set: the platform sets it."
    )
    assert "it is code" in refusal("XGBRegressor", {"callbacks": ["os.system"]})
    assert "did you mean max_depth?" in refusal("LGBMClassifier", {"max_dept": 3})


def test_a_value_out_of_bounds_is_refused_with_the_bounds():
    assert refusal("XGBClassifier", {"learning_rate": 2}) == (
        "learning_rate of XGBClassifier must be a number from 1e-06 to 1, not 2."
    )


def test_nothing_imports_a_framework_at_the_start():
    code = (
        "import sys, django; django.setup(); from mlplatform.jobs.children import imports; import mlplatform.urls; "
        "from registry.estimators import algorithms; algorithms.all_algorithms(); "
        f"print(set({list(FRAMEWORKS)!r}) & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def test_an_algorithm_that_is_not_installed_names_the_command_that_installs_it(monkeypatch):
    without_frameworks.hide(monkeypatch)
    with pytest.raises(ValidationError) as caught:
        algorithms.get("xgboost", "XGBClassifier")
    assert caught.value.code == "framework_not_installed"
    assert caught.value.message == (
        "XGBClassifier needs XGBoost, which is not installed on this server. "
        "Install it with `make run EXTRAS=xgboost`."
    )
    assert "XGBClassifier" not in {algorithm.name for algorithm in algorithms.all_algorithms()}


def test_a_framework_that_cannot_be_loaded_says_why(monkeypatch):
    algorithm = dataclasses.replace(algorithms.find("LGBMClassifier"))
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(
        ValidationError, match=r"LightGBM is installed but cannot be loaded: .*libgomp1"
    ) as caught:
        algorithms.build(algorithm, {}, 0)
    assert caught.value.code == "framework_not_installed"


def fit_on_all_cores(*, name: str):
    """Fits enough cells for several threads; a child process runs it too."""
    X = np.random.default_rng(0).normal(size=(60_000, 4))
    estimator = algorithms.build(algorithms.find(name), FEW[name[:3]], 0)
    fitting.fit(wrappers.with_labels(estimator), X, X[:, 0])
    print("fitted")


@pytest.mark.parametrize(
    "name",
    [name for one in extras.installed() for name in FRAMEWORKS[one].classes if name.endswith("Regressor")],
)
def test_a_fork_of_a_warm_server_fits_on_several_threads(name):
    """XGBoost and LightGBM hang in a fork of a process that has used OpenMP, as this one has: the server has not."""
    fit_on_all_cores(name=name)
    for _ in range(2):
        child = ChildProcess(f"{__name__}.fit_on_all_cores", name=name)
        try:
            assert child.wait(100)
        finally:
            child.kill()
        assert child.log == "fitted"
