"""The learning curve of a model version: its training repeated on growing shares of the training rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas
from django.core.exceptions import ValidationError

from mlplatform.jobs.models import JobState
from mlplatform.plots.plot import Plot
from registry.diagnostics.plots import learning_curve as learning_curve_plot
from registry.estimators import decision, errors
from registry.evaluation import definitions, intervals, measurement, metrics
from registry.models import Evaluation, ModelVersion
from registry.training import pipelines, run
from registry.training.request import TrainingRequest
from registry.training.splits import Split

SHARES = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
MAX_TRAINING_ROWS = 5_000  # that are predicted for the metric on training rows


def check(version: ModelVersion) -> None:
    """Raises ValidationError: no_test_rows, split_unknown, in_passes."""
    if version.task == "clustering":
        raise ValidationError(
            "A clusterer is measured on the rows of its training, so it has no learning curve.",
            code="no_test_rows",
        )
    if run.request_of(version).in_passes:
        raise ValidationError(
            f"Version {version.number} was trained in passes over a table that does not fit in memory; its learning "
            "curve would need the table in memory.",
            code="in_passes",
        )


def compute(version: ModelVersion, *, progress: Callable[[float], None]) -> tuple[int, dict, list[str]]:
    """The number of test rows, the metrics of the fit on all rows, and warnings.

    The metrics have a `learning_curve`: the `metric`, by which versions are compared, and `points`, each with the
    training `rows`, the value on the `test` rows, its `interval`, and that on its own `train` rows. A share whose rows
    are too few for the algorithm is left out, with a warning. Raises what check() raises and ValidationError
    (fit_failed, learning_curve).
    """
    check(version)
    request = run.request_of(version)
    table = run.read(version.dataset_version, request=request)
    inputs, split = run.repeated_split(version, request, table)
    metric = definitions.primary(version.primary_metric, task=version.task).name
    order = ordered(split, request)
    points, warnings, values = [], [], {}
    for number, share in enumerate(SHARES, 1):
        rows = np.sort(order[: max(round(share * len(order)), 1)])
        try:
            point, values = _measure(split, rows, inputs, request, metric)
        except ValidationError as error:
            if share == 1:
                raise
            warnings.append(f"{len(rows):,} training rows are not drawn: {error.messages[0]}")
        else:
            points.append(point)
        progress(number / len(SHARES))
    curve = {"metric": metric, "points": points, "order": _order_name(split)}
    return len(split.test), values | {"learning_curve": curve}, warnings


@dataclass(frozen=True)
class State:
    """The latest job that computes the curve of a version, the plot of the latest curve, and why none can be."""

    job: Evaluation | None
    plot: Plot | None
    refusal: str


def state(version: ModelVersion) -> State:
    try:
        check(version)
    except ValidationError as error:
        refusal = error.messages[0]
    else:
        refusal = ""
    curves = version.evaluations.filter(kind=Evaluation.Kind.LEARNING_CURVE)
    job = curves.defer("log", "traceback", "metrics").first()
    found = latest(version) if job else None
    return State(job, found and learning_curve_plot.plot(found.metrics["learning_curve"]), refusal)


def latest(version: ModelVersion) -> Evaluation | None:
    """The last evaluation that has computed the curve."""
    kind = Evaluation.Kind.LEARNING_CURVE
    succeeded = version.evaluations.filter(kind=kind, state=JobState.SUCCEEDED)
    return succeeded.defer("log", "traceback").first()


def ordered(split: Split, request: TrainingRequest) -> np.ndarray:
    """The positions of the training rows, of which each share takes the first ones.

    Those of a split by time begin with the newest, by group with whole groups; others are in a random order that has
    about the same shares of the classes everywhere.
    """
    random = np.random.default_rng(request.random_state or 0)
    count = len(split.y_train)
    if split.times is not None:
        return np.argsort(split.times, kind="stable")[::-1]
    if split.groups is not None:
        codes = pandas.factorize(split.groups)[0]
        return np.argsort(random.permutation(codes.max() + 1)[codes], kind="stable")
    if request.task != "classification":
        return random.permutation(count)
    places = np.empty(count)
    for label in pandas.unique(split.y_train):
        of_class = np.flatnonzero(split.y_train == label)
        places[random.permutation(of_class)] = (np.arange(len(of_class)) + random.random()) / len(of_class)
    return np.argsort(places, kind="stable")


def _measure(
    split: Split, rows: np.ndarray, inputs: list[dict], request: TrainingRequest, metric: str
) -> tuple[dict, dict]:
    """A point of the curve, and all numbers on the test rows."""
    task = request.task
    if task == "classification" and len(pandas.unique(split.y_train[rows])) < 2:
        raise ValidationError("They all have the same class.", code="learning_curve")
    with errors.as_validation_errors(request.algorithm, []):
        pipeline, _ = pipelines.prepare_pipeline(split, inputs=inputs, request=request)
        split.fit(pipeline, rows=rows)
        pipeline = decision.settle(pipeline, rows=len(rows))
        own = rows[:: max(len(rows) // MAX_TRAINING_ROWS, 1)]
        train = measurement.predict(
            pipeline, split.train.iloc[own], split.y_train[own], task=task, warnings=[]
        )
        test = measurement.predict(pipeline, split.test, split.y_test, task=task, warnings=[])
    values = definitions.numbers(metrics.json_safe(test.values()))
    groups = split.test_keys if split.groups is not None and len(test) == len(split.y_test) else None
    point = {
        "rows": len(rows),
        "test": values.get(metric),
        "train": metrics.json_safe(train.values()).get(metric),
        "interval": metrics.json_safe(intervals.bootstrap(test, groups)).get(metric),
    }
    return point, values


def _order_name(split: Split) -> str:
    if split.times is not None:
        return "newest"
    return "groups" if split.groups is not None else "random"
