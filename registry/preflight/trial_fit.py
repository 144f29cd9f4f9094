"""A fit that shows in about a second whether an algorithm, its parameters and a table go together at all."""

import re
import threading
import time

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators import algorithms, errors
from registry.estimators.algorithms import Algorithm
from registry.training import pipelines, preprocessing

# It is about working at all, not about quality: so much of each parameter is enough.
CAPS = {
    "Cs": 2,
    "alphas": 10,
    "max_fun": 500,
    "max_iter": 50,
    "max_iter_predict": 20,
    "max_n_alphas": 100,
    "max_subpopulation": 20,
    "n_estimators": 10,
    "n_init": 1,
    "n_restarts_optimizer": 0,
}
FIXED = {"n_jobs": 1, "verbose": 0}
WIDEST_LAYER, MOST_LAYERS = 50, 3
MOST_NUMBERS = 100  # that reach the estimator: the slowest ones take their cube
# What scikit-learn says about the number of rows of a mere sample is nothing to report.
OF_SIZE = re.compile(
    r"n_samples|samples|n_splits|neighbors|n_clusters|n_components|members|populated|consensus"
)
# What it says about these may be otherwise in the whole table: to be told, not to be refused.
OF_CHANCE = re.compile(r"rank|infeasible|singular|definite|prior|class|present|converge|predicts no number")

# One at a time in a process: collecting warnings is not for two threads, and a fit that was given up keeps its
# place until it ends.
_place = threading.Lock()


def attempt(
    frame: pandas.DataFrame,
    *,
    inputs: list[dict],
    answer: dict | None,
    algorithm: Algorithm,
    params: dict,
    test_size: float,
    random_state: int | None,
    is_whole: bool,
    deadline: float,
) -> str | None:
    """Fit and evaluate with capped parameters, as a training does; a doubt as a sentence, or None.

    Raises ValidationError for what is certain to fail with the whole table too. A fit that is not over at
    `deadline` (of time.monotonic) is left to its thread, which the caps end, and is no verdict.
    """
    rows = len(frame)
    frame, inputs, is_whole = _less(frame, inputs, answer, algorithm, is_whole)
    params = _capped(algorithm, params)
    if not is_whole and isinstance(params.get("class_weight"), dict):  # it must name every class
        del params["class_weight"]
    failure = _in_time(
        lambda: _fit(frame, inputs, answer, algorithm, params, test_size, random_state), deadline
    )
    if failure is None:
        return None
    if is_whole:
        raise failure
    message = failure.message
    if failure.code == "infinite_values" or (
        failure.code == "fit_failed" and not OF_SIZE.search(message) and not OF_CHANCE.search(message)
    ):
        raise failure
    if failure.code != "fit_failed" or OF_SIZE.search(message):
        return None
    return f"In a dry run on {rows} rows: {message}"


def _in_time(fit, deadline: float) -> ValidationError | None:
    if not _place.acquire(timeout=max(deadline - time.monotonic(), 0)):
        return None
    failures: list[ValidationError] = []

    def work():
        try:
            fit()
        except ValidationError as error:
            failures.append(error)
        finally:
            _place.release()

    thread = threading.Thread(target=work, name="dry-run", daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0))
    return failures[0] if failures else None


def _fit(frame, inputs, answer, algorithm, params, test_size, random_state) -> None:
    """The steps of pipelines.fit, without its progress: that listens to the standard output of the process."""
    from threadpoolctl import threadpool_limits

    # For 500 rows, several threads mostly wait for each other, and the server has other work.
    with threadpool_limits(1):
        parts = pipelines.split(frame, inputs, answer, algorithm, test_size, random_state, [])
        params = pipelines.with_typed_labels(params, parts.y_train)
        estimator = algorithms.build(algorithm, params, random_state)
        with errors.as_sentences(algorithm, []):
            pipeline = pipelines.build(inputs, estimator)
            pipeline.fit(parts.train, parts.y_train)
            pipelines.evaluate(pipeline, parts, algorithm, [])


def _less(frame, inputs, answer, algorithm, is_whole) -> tuple[pandas.DataFrame, list[dict], bool]:
    """The first columns of a wide table, and of a sample no class that it has one row of."""
    widths = np.cumsum([_width(frame[column["name"]], column) for column in inputs])
    fitting = max(int((widths <= MOST_NUMBERS).sum()), 1)
    if fitting < len(inputs):
        inputs, is_whole = inputs[:fitting], False
    if answer and algorithm.task == "classification" and not is_whole:
        target = frame[answer["name"]]
        frame = frame[target.map(target.value_counts()).to_numpy("float64", na_value=0) > 1]
    return frame, inputs, is_whole


def _width(series: pandas.Series, column: dict) -> int:
    """How many numbers the pipeline makes of it."""
    is_one_hot = column["type"] in ("text", "boolean")
    return min(series.nunique(dropna=False), preprocessing.MOST_CATEGORIES) if is_one_hot else 1


def _capped(algorithm: Algorithm, params: dict) -> dict:
    capped = dict(params)
    for parameter in algorithm.parameters:
        name, value = parameter.name, params.get(parameter.name, parameter.default)
        if name in FIXED:
            capped[name] = FIXED[name]
        elif name == "hidden_layer_sizes":
            capped[name] = _narrow(value)
        elif name in CAPS and type(value) in (int, float) and (value > CAPS[name] or value == -1):
            capped[name] = CAPS[name]  # SVC has -1 for as many iterations as it takes
    return capped


def _narrow(layers: object) -> object:
    """A net of a million neurons would take the memory of the server."""
    if isinstance(layers, list):
        return [_narrow(size) for size in layers[:MOST_LAYERS]]
    return min(layers, WIDEST_LAYER) if type(layers) is int else layers
