"""A table with a column of every type, and fits of it without a database."""

import json

import numpy as np
import pandas
import pytest
from django.core.exceptions import ValidationError

from registry.estimators.algorithms import find
from registry.training import pipelines
from registry.training.request import TrainingRequest

ROWS = 30


def column(name, kind, nullable=False):
    return {"name": name, "type": kind, "nullable": nullable}


COLUMNS = [
    column("size", "number", nullable=True),
    column("legs", "integer"),
    column("colour", "text", nullable=True),
    column("tame", "boolean"),
    column("born", "date", nullable=True),
    column("nothing", "number", nullable=True),
]


def table(rows=ROWS) -> pandas.DataFrame:
    """One column of every type, with gaps and dates before 1970, and a column without values."""
    rng = np.random.default_rng(0)
    born = pandas.Series(pandas.date_range("1965-03-01", periods=rows, freq="97D"))
    frame = pandas.DataFrame(
        {
            "size": rng.normal(size=rows),
            "legs": rng.integers(0, 9, rows),
            "colour": pandas.Series(rng.choice(["red", "blue", "grey"], rows), dtype="str"),
            "tame": rng.random(rows) < 0.5,
            "born": born.astype("datetime64[us]"),
            "nothing": np.full(rows, np.nan),
        }
    )
    frame.loc[3, "size"], frame.loc[4, "colour"], frame.loc[5, "born"] = np.nan, np.nan, pandas.NaT
    return frame


def classes(rows=ROWS) -> pandas.Series:
    return pandas.Series(["cat", "dog"] * (rows // 2), dtype="str")


def numbers() -> pandas.Series:
    return pandas.Series(np.linspace(1, 9, ROWS) % 4 + 1)


# A target of two classes for each type that a class can have, and its type in Python.
CLASS_TYPES = {
    "text": (classes(), str),
    "integer": ((classes() == "dog").astype("int64"), int),
    "boolean": (classes() == "dog", bool),
    "number": ((classes() == "dog").astype("float64"), float),
}


def fit(
    y=None,
    kind="text",
    *,
    name="DecisionTreeClassifier",
    frame=None,
    columns=COLUMNS,
    measured_on=None,
    progress=lambda stage, fraction: None,
    **options,
):
    """A FitResult; by default of a decision tree that predicts two classes."""
    frame = table() if frame is None else frame
    y = classes(len(frame)) if y is None else y
    options = {"target": "answer", "test_size": 0.3, "random_state": 1} | options
    return pipelines.fit(
        frame.assign(answer=y),
        columns=[*columns, column("answer", kind, nullable=True)],
        request=TrainingRequest(find(name).module, name, **options),
        measured_on=measured_on,
        progress=progress,
    )


def refusal(*args, **options) -> tuple[str, str]:
    """The code and the sentence of the error that a fit raises."""
    with pytest.raises(ValidationError) as caught:
        fit(*args, **options)
    return caught.value.code, caught.value.message


def assert_json(result):
    facts = [result.signature, result.metrics, result.parameters, result.warnings]
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
