"""Shared by the tests of inference engines: a table of every column type, and pipelines fitted on it."""

import warnings

import numpy as np
import pandas

from registry.training import pipelines
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


def fit(algorithm, frame, params, target=None, features=None, **options):
    target = target or {"regression": "size"}.get(algorithm.task, "kind")
    target_column = {"name": target, "type": "text" if target == "kind" else "number", "nullable": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        request = TrainingRequest(
            algorithm.module,
            algorithm.name,
            params,
            target,
            features,
            test_size=0.25,
            random_state=0,
            **options,
        )
        return pipelines.fit(frame, columns=[*COLUMNS, target_column], request=request)
