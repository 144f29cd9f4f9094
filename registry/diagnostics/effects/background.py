"""Training rows that explanations compare a row with. No Django models or settings."""

import json
import math

import numpy as np

from registry.diagnostics.effects.dependence import as_json, sample
from registry.diagnostics.held_out import MAX_ROWS, HeldOut

ROWS, MIN_ROWS = 50, 2
MAX_CHARACTERS = 2_000_000  # of the rows as JSON: the first explanation of a process reads them
MAX_WIDTH = 3_000  # of the encoded columns, whose means are kept


def measure(held_out: HeldOut) -> dict | None:
    """`rows` are some training rows, in the order of the inputs; `means` has the mean of each encoded column over the
    training rows, if the estimator is linear in them, else it is empty."""
    if held_out.train is None or held_out.train.empty:
        return None
    rows = sample(held_out.train, ROWS)
    columns = [
        [as_json(value, column["type"]) for value in rows[column["name"]]] for column in held_out.inputs
    ]
    rows = [list(row) for row in zip(*columns, strict=True)]
    count = max(len(rows) * MAX_CHARACTERS // len(json.dumps(rows)), MIN_ROWS)
    return {"rows": rows[:: math.ceil(len(rows) / count)], "means": _means(held_out)}


def _means(held_out: HeldOut) -> list[float]:
    model = held_out.pipeline["model"]
    while hasattr(model, "estimator_"):
        model = model.estimator_
    model = model.calibrated_classifiers_[0].estimator if hasattr(model, "calibrated_classifiers_") else model
    if np.shape(getattr(model, "coef_", None))[-1:] > (MAX_WIDTH,) or not hasattr(model, "coef_"):
        return []
    return held_out.pipeline["columns"].transform(sample(held_out.train, MAX_ROWS)).mean(axis=0).tolist()
