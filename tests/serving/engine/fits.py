"""Shared by the tests of inference engines: a table of every column type, and pipelines fitted on it."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas

from registry.estimators import decision, errors
from registry.training import pipelines, signature
from registry.training.request import TrainingRequest

COLUMNS = [
    {"name": "colour", "type": "text", "nullable": True},
    {"name": "length", "type": "number", "nullable": True},
    {"name": "count", "type": "integer", "nullable": False},
    {"name": "wild", "type": "boolean", "nullable": True},
    {"name": "seen", "type": "date", "nullable": True},
]


def table(count=60, seed=0, classes=3) -> pandas.DataFrame:
    random = np.random.default_rng(seed)
    length = random.normal(5, 2, count).round(2)
    frame = pandas.DataFrame(
        {
            "colour": pandas.Series(random.choice(["red", "blue", "missing", None], count), dtype="str"),
            "length": np.where(random.random(count) < 0.1, np.nan, length),
            "count": random.integers(0, 50, count).astype(float),
            "wild": pandas.array(random.choice([True, False, None], count), dtype="boolean"),
            "seen": pandas.to_datetime(
                random.choice(["2026-01-01", "2024-02-29 12:30:01.123456", None], count), format="ISO8601"
            ).as_unit("us"),
        }
    )
    frame["kind"] = [f"k{value % classes}" for value in random.integers(0, 100, count)]
    frame["size"] = length * 3 + random.normal(0, 0.1, count).round(3) + 20
    return frame


def request_of(algorithm, params, target=None, features=None, **options) -> TrainingRequest:
    target = target or {"regression": "size"}.get(algorithm.task, "kind")
    return TrainingRequest(
        algorithm.module, algorithm.name, params, target, features, test_size=0.25, random_state=0, **options
    )


def columns_of(request: TrainingRequest) -> list[dict]:
    kind = "text" if request.target == "kind" else "number"
    return [*COLUMNS, {"name": request.target, "type": kind, "nullable": False}]


def fit(algorithm, frame, params, target=None, features=None, **options) -> pipelines.FitResult:
    request = request_of(algorithm, params, target, features, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipelines.fit(frame, columns=columns_of(request), request=request)


@dataclass(frozen=True)
class Fitted:
    """What an engine is built from and compared on: a fitted pipeline, its signature, and rows that it has not seen."""

    pipeline: object
    signature: dict
    held_out: pandas.DataFrame


def fit_pipeline(algorithm, frame, params, target=None, features=None, **options) -> Fitted:
    """The steps of fit() without its evaluation, which takes longer than most fits."""
    request = request_of(algorithm, params, target, features, **options)
    with warnings.catch_warnings(), errors.as_validation_errors(algorithm, []):
        warnings.simplefilter("ignore")
        inputs, column, split = pipelines.split_rows(frame, columns_of(request), request, None, [])
        pipeline, _ = pipelines.prepare_pipeline(split, inputs=inputs, request=request)
        split.fit(pipeline, report=lambda *args: None)
        pipeline = decision.settle(pipeline, rows=len(split.train))
        description = signature.describe(
            pipeline, split.train, inputs=inputs, target=column, task=request.task
        )
        return Fitted(pipeline, description, split.test)
