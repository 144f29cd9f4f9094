"""A short fit that shows whether an algorithm, its parameters and a table work together at all."""

import dataclasses
import re

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.estimators import errors, threads
from registry.estimators.algorithms import Algorithm
from registry.evaluation import measurement
from registry.training import cross_validation, pipelines, preparation, split_methods, splits
from registry.training.request import TrainingRequest

# The trial shows whether a fit works, not how good it is: these limits are enough.
CAPS = {
    "Cs": 2,
    "alphas": 10,
    "batch_size": 1_000,
    "branching_factor": 100,
    "convergence_iter": 100,
    "cv": 5,
    "depth": 8,
    "hidden_layers": 3,
    "hidden_units": 50,
    "iterations": 10,
    "max_epochs": 5,
    "max_fun": 500,
    "max_iter": 50,
    "max_iter_predict": 20,
    "max_leaf_nodes": 1_000,
    "max_n_alphas": 100,
    "max_samples": 1_000,
    "max_subpopulation": 20,
    "max_trials": 100,
    "min_categories": 1_000,
    "n_estimators": 10,
    "n_init": 1,
    "n_iter_no_change": 1_000,
    "n_restarts_optimizer": 0,
    "num_leaves": 100,
    "num_parallel_tree": 3,
}
MAX_VALUES = {
    "Cs": 2,
    "alphas": 10,
    "l1_ratio": 2,
    "l1_ratios": 2,
}  # of lists of which each value costs a fit
FIXED = {"n_jobs": 1, "verbose": 0}
MAX_LAYER_SIZE, MAX_LAYERS = 50, 3
MAX_ESTIMATOR_INPUTS = 100  # the time of the slowest estimators grows with its cube
# Errors about the number of rows say nothing about the whole table, which has more than the sample.
ABOUT_SAMPLE_SIZE = re.compile(
    r"n_samples|samples|n_splits|neighbors|n_clusters|n_components|members|populated|consensus"
)
# Errors that the whole table may not have: a warning, not a refusal.
MAY_NOT_RECUR = re.compile(
    r"rank|infeasible|singular|definite|prior|class|present|converge|no finite prediction"
)


def attempt(
    frame: pandas.DataFrame,
    *,
    inputs: list[dict],
    target: dict | None,
    request: TrainingRequest,
    is_whole: bool,
) -> str | None:
    """Fit and evaluate with capped parameters, as a training does; returns a warning, or None.

    Raises ValidationError for what is certain to fail on the whole table too.
    """
    rows = len(frame)
    frame, inputs, is_whole = _reduced(frame, inputs, target, request.task, is_whole)
    params = _capped(request.algorithm, request.params)
    if not is_whole and isinstance(params.get("class_weight"), dict):  # it must name every class
        del params["class_weight"]
    names = {column["name"] for column in inputs}
    prepare = {name: choice for name, choice in request.prepare.items() if name in names}
    request = dataclasses.replace(request, params=params, prepare=prepare)
    if request.split["method"] == "dataset_version":  # the sample is of the version to train on
        request = dataclasses.replace(request, split=split_methods.usual())
    try:
        _fit(frame, inputs=inputs, target=target, request=request)
    except ValidationError as failure:
        if is_whole:
            raise
        return _judged(failure, rows)
    return None


def _judged(failure: ValidationError, rows: int) -> str | None:
    """The warning about an error on a sample, or None; raises it if the whole table has it too."""
    message = failure.message
    if failure.code in {"infinite_values", "not_binary", "no_probabilities"} or (
        failure.code == "fit_failed"
        and not ABOUT_SAMPLE_SIZE.search(message)
        and not MAY_NOT_RECUR.search(message)
    ):
        raise failure
    if failure.code != "fit_failed" or ABOUT_SAMPLE_SIZE.search(message):
        return None
    return f"A dry run on {rows:,} rows failed: {message}"


def _fit(frame, *, inputs, target, request: TrainingRequest) -> None:
    """The steps of pipelines.fit without its progress, which redirects the standard output of the process."""
    # For 500 rows, several threads mostly wait for each other, and the server has other work.
    with threads.limited_to(1):
        split = splits.split(frame, inputs=inputs, target=target, request=request, warnings=[])
        cross_validation.folds_of(split, request)
        with errors.as_validation_errors(request.algorithm, []):
            pipeline, _ = pipelines.prepare_pipeline(split, inputs=inputs, request=request)
            split.fit(pipeline)
            measurement.measure(pipeline, split.test, split.y_test, task=request.task, warnings=[])


def _reduced(frame, inputs, target, task, is_whole) -> tuple[pandas.DataFrame, list[dict], bool]:
    """The first columns of a wide table; of a sample, only classes with at least two rows."""
    widths = np.cumsum([_width(frame[column["name"]], column) for column in inputs])
    fitting = max(int((widths <= MAX_ESTIMATOR_INPUTS).sum()), 1)
    if fitting < len(inputs):
        inputs, is_whole = inputs[:fitting], False
    if target and task == "classification" and not is_whole:
        values = frame[target["name"]]
        frame = frame[values.map(values.value_counts()).to_numpy("float64", na_value=0) > 1]
    return frame, inputs, is_whole


def _width(series: pandas.Series, column: dict) -> int:
    """The number of estimator inputs that the pipeline makes of a column."""
    is_one_hot = column["type"] in ("text", "boolean")
    return min(series.nunique(dropna=False), preparation.MAX_CATEGORIES) if is_one_hot else 1


def _capped(algorithm: Algorithm, params: dict) -> dict:
    capped = dict(params)
    for parameter in algorithm.parameters:
        name, value = parameter.name, params.get(parameter.name, parameter.default)
        if name in FIXED:
            capped[name] = FIXED[name]
        elif name == "hidden_layer_sizes":
            capped[name] = _capped_layers(value)
        elif name in CAPS and type(value) in (int, float) and (value > CAPS[name] or value == -1):
            capped[name] = CAPS[name]  # for SVC, -1 means no limit
        elif name in MAX_VALUES and isinstance(value, list):
            capped[name] = value[: MAX_VALUES[name]]
        elif name == "min_categories" and isinstance(value, list):
            capped[name] = [min(count, CAPS[name]) if type(count) is int else count for count in value]
    return capped


def _capped_layers(sizes: object) -> object:
    """A network of a million neurons would use up the server's memory."""
    if isinstance(sizes, list):
        return [_capped_layers(size) for size in sizes[:MAX_LAYERS]]
    return min(sizes, MAX_LAYER_SIZE) if type(sizes) is int else sizes
