"""DataFrame in, fitted scikit-learn pipeline and signature out. No Django models or settings.

scikit-learn takes seconds to import, so only the functions that need it do.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from registry.diagnostics import build as diagnostics
from registry.diagnostics.held_out import HeldOut
from registry.estimators import algorithms, decision, errors, wrappers
from registry.estimators.frameworks import early_stopping, fitting
from registry.evaluation import definitions, duplicates, measurement, split_leakage
from registry.evaluation.scores import Scores
from registry.training import cross_validation, preparation, preprocessing, signature, splits, validation
from registry.training import progress as fit_progress
from registry.training.columns import select_features, with_labels
from registry.training.preparation import Choice
from registry.training.request import TrainingRequest
from registry.training.splits import Split


@dataclass
class FitResult:
    """A fitted pipeline with its description; all but the pipeline and the held-out rows is JSON-safe."""

    pipeline: object
    signature: dict
    preparation: list[dict]
    decision: dict
    metrics: dict
    parameters: dict
    warnings: list[str]
    measured: str
    rows_train: int
    rows_test: int
    held_out: pandas.DataFrame
    iterations: int | None = None
    trained: str = ""  # a sentence about the passes over rows that were not in memory
    diagnostics: dict[str, dict] = field(default_factory=dict)
    diagnostics_s: float = 0


def build(choices: list[Choice], estimator, *, task: str):
    """An unfitted Pipeline of the steps "columns" and "model", made of scikit-learn and pandas objects only.

    An artifact loads without this code, and predicts a raw `pandas.read_csv` frame as it predicts ours.
    """
    from sklearn.pipeline import Pipeline

    transformer = preprocessing.column_transformer(choices, estimator, task=task)
    return Pipeline([("columns", transformer), *fitting.cell_steps(estimator), ("model", estimator)])


def fit(
    frame: pandas.DataFrame,
    *,
    columns: list[dict],
    request: TrainingRequest,
    measured_on: pandas.DataFrame | None = None,
    progress: Callable[[str, float | None], None] = lambda stage, fraction: None,
    with_diagnostics: bool = False,
    until: float = math.inf,
) -> FitResult:
    """Fit the algorithm of the request on the training rows of `frame`, and evaluate it on the held-out rows.

    With `refit` it is then fitted again on all rows, as a clusterer is at once. `measured_on` are the rows of another
    dataset version to measure on. `progress` gets a stage and its share. Diagnostics end at the instant `until`.
    Raises ValidationError: invalid_parameter, fit_failed, and the codes of `columns`, `preparation` and `validation`.
    """
    progress("checking", None)
    validation.check_random_state(request.random_state)
    algorithm, task = request.algorithm, request.task
    warnings: list[str] = []
    inputs, target, split = split_rows(frame, columns, request, measured_on, warnings)
    del frame, measured_on  # the fit needs their memory
    folds = cross_validation.folds_of(split, request)
    with errors.as_validation_errors(algorithm, warnings):
        pipeline, choices = prepare_pipeline(split, inputs=inputs, request=request)
    fit_s = _fit(pipeline, split, request, warnings, progress=progress)
    unsettled, pipeline = pipeline, decision.settle(pipeline, rows=len(split.train))
    progress("evaluating", None)
    with errors.as_validation_errors(algorithm, warnings):
        scores, measured = _measure(pipeline, split, request, warnings)
    diagnosed = {}
    if with_diagnostics:
        held_out = held_out_of(pipeline, split, inputs, request, measured, scores)
        diagnosed = diagnose(held_out, limit_s=diagnostics.limit_s(fit_s, until=until))
    with errors.as_validation_errors(algorithm, warnings):
        if folds:
            report = partial(progress, "cross-validating")
            measured |= cross_validation.measure(unsettled, split, folds, task=task, progress=report)
    fitted_rows = split.train
    if request.refit:
        progress("refitting", None)
        with errors.as_validation_errors(algorithm, warnings):
            pipeline, fitted_rows = split.refitted(pipeline)
    return FitResult(
        pipeline=pipeline,
        signature=signature.describe(pipeline, fitted_rows, inputs=inputs, target=target, task=task),
        preparation=[choice.to_dict() for choice in choices],
        decision=decision.describe(
            pipeline["model"], threshold=request.threshold, calibration=request.calibration
        ),
        metrics=measured,
        parameters=effective_parameters(request, wrappers.estimator_of(pipeline["model"])),
        warnings=list(dict.fromkeys(warnings)),
        measured=split.measured,
        rows_train=len(split.train),
        rows_test=0 if split.y_test is None else len(split.test),
        held_out=split.test,
        iterations=early_stopping.iterations(pipeline["model"]),
        **diagnosed,
    )


def _fit(pipeline, split: Split, request: TrainingRequest, warnings: list[str], *, progress) -> float:
    """Fit the pipeline on the training rows; returns the seconds that took."""
    progress("fitting", None)
    started = time.monotonic()
    with (
        errors.as_validation_errors(request.algorithm, warnings),
        fit_progress.track(pipeline["model"], partial(progress, "fitting")),
    ):
        split.fit(pipeline, report=partial(progress, "fitting"))
    return time.monotonic() - started


def _measure(
    pipeline, split: Split, request: TrainingRequest, warnings: list[str]
) -> tuple[Scores | None, dict]:
    """The predictions for the held-out rows, None of a clusterer, and their metrics; warns if these rows are also
    training rows, or of the same groups.
    """
    task, groups = request.task, None if split.groups is None else split.test_keys
    options = {"by_time": split.times is not None, "groups": groups}
    scores, measured = measurement.predict_and_evaluate(
        pipeline, split, task=task, warnings=warnings, **options
    )
    if task != "clustering":
        metric = request.primary_metric or definitions.DEFAULT_METRICS[task]
        sentence = duplicates.warning(pipeline, split, measured, task=task, metric=metric)
        warnings += [sentence] if sentence else []
    warnings += group_warnings(split, request)
    return scores, measured


def group_warnings(split: Split, request: TrainingRequest) -> list[str]:
    """About columns that name groups of rows, which a random split divides."""
    if request.task == "clustering" or request.split["method"] != "random":
        return []
    is_classification = request.task == "classification"
    return split_leakage.group_warnings(
        split.train, split.y_train, target=request.target, is_classification=is_classification
    )


def held_out_of(
    pipeline,
    split: Split,
    inputs: list[dict],
    request: TrainingRequest,
    measured: dict,
    scores: Scores | None,
) -> HeldOut:
    """What the diagnostics of the measured pipeline are computed from."""
    return HeldOut.sampled(
        pipeline,
        split.test,
        split.y_test,
        task=request.task,
        inputs=inputs,
        primary_metric=primary_metric(request, measured),
        first_row=split.first_test_row,
        train=split.train,
        known_scores=scores,
    )


def primary_metric(request: TrainingRequest, measured: dict) -> str:
    """The metric that the version is compared by; the usual one, said by "", if it does not have the chosen one."""
    name = request.primary_metric
    return name if name is not None and measured.get(name) is not None else ""


def diagnose(held_out: HeldOut, *, limit_s: float) -> dict:
    """The diagnostics of a measured pipeline, computed for so many seconds, as the fields of the result have them."""
    started = time.monotonic()
    held_out.deadline = started + limit_s
    sections = diagnostics.build(held_out)
    return {"diagnostics": sections, "diagnostics_s": time.monotonic() - started}


def split_rows(
    frame: pandas.DataFrame,
    columns: list[dict],
    request: TrainingRequest,
    measured_on: pandas.DataFrame | None,
    warnings: list[str],
) -> tuple[list[dict], dict | None, Split]:
    """The input columns, the target and the rows of a training."""
    inputs = select_features(
        columns, features=request.features, target=request.target, reserved=request.reserved
    )
    column = next((column for column in columns if column["name"] == request.target), None)
    frame, target = with_labels(frame, None if request.task == "clustering" else column)
    if measured_on is not None:
        measured_on, _ = with_labels(measured_on, column)
    split = splits.split(
        frame, inputs=inputs, target=target, request=request, warnings=warnings, measured_on=measured_on
    )
    return inputs, target, split


def prepare_pipeline(
    split: Split, *, inputs: list[dict], request: TrainingRequest
) -> tuple[object, list[Choice]]:
    """The unfitted pipeline for these training rows, and how it (an ensemble's first member) prepares each column."""
    if request.algorithm.is_ensemble:
        return _prepare_ensemble(split, inputs=inputs, request=request)
    params = with_typed_class_weights(request.params, split.y_train)
    estimator = algorithms.build(request.algorithm, params, request.random_state)
    options = {"task": request.task, "requested": request.prepare, "groups": split.held_together}
    choices = preparation.choose(inputs, split.train, estimator, y=split.y_train, **options)
    pipeline = build(choices, estimator, task=request.task)
    if request.task == "regression":
        pipeline.set_params(model=wrappers.with_labels(pipeline["model"]))
    if request.task == "classification":
        wrapped = decision.wrap(
            pipeline["model"],
            split.y_train,
            threshold=request.threshold,
            calibration=request.calibration,
        )
        pipeline.set_params(model=wrapped)
    return pipeline, choices


def _prepare_ensemble(
    split: Split, *, inputs: list[dict], request: TrainingRequest
) -> tuple[object, list[Choice]]:
    """A pipeline of pipelines: each member prepares the columns as it needs them."""
    from sklearn.pipeline import Pipeline

    if request.threshold is not None or request.calibration or request.sample_weight:
        raise ValidationError("An ensemble has no threshold, calibration and weights.", code="ensemble")
    requests = request.ensemble_members()
    members = [prepare_pipeline(split, inputs=inputs, request=member) for member in requests]
    named = [
        (f"{number}_{member.class_name}", pipeline)
        for number, (member, (pipeline, _)) in enumerate(zip(requests, members, strict=True), 1)
    ]
    options = {"voting": "soft"} if request.task == "classification" else {}
    estimator = request.algorithm.cls(named, weights=request.params.get("weights"), **options)
    return Pipeline([("columns", "passthrough"), ("model", estimator)]), members[0][1]


def with_typed_class_weights(params: dict, y: np.ndarray | None) -> dict:
    """`params` with the keys of class_weight, which are strings in JSON, in the type of the classes."""
    weights = params.get("class_weight")
    if y is None or not isinstance(weights, dict):
        return params
    labels = {str(label): label for label in np.unique(y).tolist()}
    labels |= {str(label).lower(): label for label in labels.values() if isinstance(label, bool)}
    return params | {"class_weight": {labels.get(key, key): weight for key, weight in weights.items()}}


def effective_parameters(request: TrainingRequest, estimator) -> dict:
    """All parameters as JSON. Those that scikit-learn is about to remove have a placeholder for a value."""
    algorithm = request.algorithm
    if algorithm.is_ensemble:
        return request.params
    if algorithm.framework:  # whose defaults are None on the estimator
        used = {name: value for name, value in estimator.get_params().items() if value is not None}
        return {one.name: _as_json(used.get(one.name, one.default)) for one in algorithm.parameters}
    return parameters_of(estimator)


def parameters_of(estimator) -> dict:
    """All parameters of an estimator of scikit-learn as JSON."""
    values = {name: _as_json(value) for name, value in estimator.get_params(deep=False).items()}
    return {name: value for name, value in values.items() if value != "deprecated"}


def _as_json(value: object) -> object:
    """A parameter as JSON; infinity, estimators and kernels as their text."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, float) and np.isfinite(value):
        return float(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
