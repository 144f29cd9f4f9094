"""Partial dependence of predictions on the most important columns (Friedman 2001). No Django models or settings.

The mean prediction for the held-out rows if a column had one value in all of them, for several values: the numbers of
sklearn.inspection.partial_dependence with method="brute" on the same rows and values.
"""

import time

import numpy as np
import pandas

from registry.diagnostics.held_out import HeldOut
from registry.diagnostics.thinning import short
from registry.evaluation.cells import class_name
from registry.evaluation.row_samples import at_random

MAX_COLUMNS = 6
MAX_ROWS, MIN_ROWS, TIMED_ROWS = 500, 50, 1_000
VALUES = 20  # of a number or date: at evenly spaced quantiles between the ends
ENDS = 0.01, 0.99  # quantiles: beyond, the model has seen little
MAX_CATEGORIES = 10
MAX_CLASSES = 5
BINS = 20
BATCH_CELLS = 4_000_000  # 32 MB of numbers
MAX_TEXT = 200  # characters of a category
SHARE = 0.8  # of the time that is left


def measure(held_out: HeldOut) -> dict | None:
    """For each of the most important columns its `grid`, the mean output of each class (of a regressor: one) for each
    value, and how many rows have it; of numbers and dates the `histogram` between the ends of the grid.

    `output` is `probability`, `score` or `prediction`. Needs the section "importance".
    """
    columns = held_out.sections.get("importance", {}).get("columns", [])[:MAX_COLUMNS]
    if not columns:
        return None
    deadline = time.monotonic() + SHARE * held_out.seconds_left
    types = {column["name"]: column["type"] for column in held_out.inputs}
    output = _Output(held_out)
    rows = sample(held_out.X, _affordable(output, held_out.X, deadline))
    found = []
    for column in columns:
        if found and time.monotonic() > deadline:
            break
        found.append(_of_column(output, held_out.X, rows, column["column"], types[column["column"]]))
    return {"output": output.name, "classes": output.classes, "omitted": output.omitted, "columns": found}


def _affordable(output: "_Output", X: pandas.DataFrame, deadline: float) -> int:
    """The number of rows with which the columns are done in time, by the time that some take."""
    probe = sample(X, TIMED_ROWS)
    started = time.monotonic()
    output(probe)
    row_s = (time.monotonic() - started) / len(probe)
    affordable = (deadline - time.monotonic()) / (row_s * VALUES * MAX_COLUMNS)
    return int(min(max(affordable, MIN_ROWS), MAX_ROWS))


class _Output:
    """What is averaged: the probabilities of the positive class, or of the most frequent ones, or the prediction."""

    def __init__(self, held_out: HeldOut):
        self.pipeline, self.classes, self.omitted = held_out.pipeline, None, 0
        names = ("predict_proba", "decision_function") if held_out.task == "classification" else ()
        self.method = next((name for name in names if hasattr(self.pipeline, name)), "predict")
        labels = {"predict_proba": "probability", "decision_function": "score", "predict": "prediction"}
        self.name = labels[self.method]
        if held_out.task == "classification":
            self._choose(held_out)

    def _choose(self, held_out: HeldOut) -> None:
        classes = list(self.pipeline.classes_)
        self.places = [1]
        if len(classes) != 2:
            counts = pandas.Series(held_out.y).value_counts()
            order = sorted(range(len(classes)), key=lambda place: -counts.get(classes[place], 0))
            self.places = sorted(order[:MAX_CLASSES])
        self.classes = [class_name(classes[place]) for place in self.places]
        self.omitted = 0 if len(classes) == 2 else len(classes) - len(self.places)

    def __call__(self, X: pandas.DataFrame) -> np.ndarray:
        """(rows, outputs)"""
        values = np.asarray(getattr(self.pipeline, self.method)(X))
        if self.classes is None or values.ndim == 1:
            if self.classes is not None and self.method == "predict":
                return np.column_stack([values.astype(str) == name for name in self.classes]).astype(float)
            return values.reshape(len(X), -1)[:, :1].astype(float)
        return values[:, self.places]


def _of_column(output: _Output, X: pandas.DataFrame, rows: pandas.DataFrame, name: str, type_: str) -> dict:
    values = X[name]
    is_category = type_ in {"text", "boolean"}
    places, counts = _frequent(values) if is_category else _quantiles(values)
    size = max(BATCH_CELLS // rows.size, 1)  # of the copies that are predicted at once
    means = np.concatenate(
        [_means(output, rows, name, values, places[at : at + size]) for at in range(0, len(places), size)]
    )
    grid = [as_json(values.iloc[place], type_) for place in places]
    grid = [value[:MAX_TEXT] if type_ == "text" and value else value for value in grid]
    return {
        "column": name,
        "type": type_,
        "rows": len(rows),
        "grid": grid,
        "means": [short(column) for column in means.T],
        **({"counts": counts} if is_category else {"histogram": _histogram(values, places, type_)}),
    }


def _means(
    output: _Output, rows: pandas.DataFrame, name: str, values: pandas.Series, places: list[int]
) -> np.ndarray:
    """(places, outputs): the mean output for the rows with the value at each place in the column."""
    repeated = pandas.concat([rows] * len(places), ignore_index=True)
    repeated[name] = values.array.take(np.repeat(places, len(rows)))
    return output(repeated).reshape(len(places), len(rows), -1).mean(axis=1)


def _frequent(values: pandas.Series) -> tuple[list[int], list[int]]:
    """The places of rows with the most frequent categories, and of one without a value; the number of such rows."""
    codes, categories = pandas.factorize(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(categories))
    chosen = np.argsort(-counts, kind="stable")[:MAX_CATEGORIES].tolist()
    found = [(int(np.argmax(codes == code)), int(counts[code])) for code in chosen]
    if missing := int((codes < 0).sum()):
        found.append((int(np.argmax(codes < 0)), missing))
    return [place for place, _ in found], [count for _, count in found]


def _quantiles(values: pandas.Series) -> tuple[list[int], None]:
    """The places of rows whose values are the quantiles, in rising order; all different ones if they are few."""
    order = values.reset_index(drop=True).dropna().sort_values(kind="stable")
    if order.empty:
        return [0], None
    first = order.drop_duplicates()
    if len(first) > VALUES:
        low, high = (end * (len(order) - 1) for end in ENDS)
        first = order.iloc[np.linspace(low, high, VALUES).round().astype(int)].drop_duplicates()
    return first.index.tolist(), None


def _histogram(values: pandas.Series, places: list[int], type_: str) -> list[int]:
    """The number of rows in each of BINS equal parts from the first to the last value of the grid."""
    numbers = _numbers(values, type_)
    low, high = numbers[places[0]], numbers[places[-1]]
    if not np.isfinite(high - low):
        return []
    return np.histogram(numbers[(numbers >= low) & (numbers <= high)], BINS, (low, max(high, low + 1e-9)))[
        0
    ].tolist()


def _numbers(values: pandas.Series, type_: str) -> np.ndarray:
    if type_ == "date":
        seconds = (values - pandas.Timestamp(0, tz=getattr(values.dtype, "tz", None))) / pandas.Timedelta(
            seconds=1
        )
        return seconds.to_numpy(dtype=float, na_value=np.nan)
    return values.to_numpy(dtype=float, na_value=np.nan)


def sample(X: pandas.DataFrame, size: int) -> pandas.DataFrame:
    """At most so many rows, drawn at random with a fixed seed, in their order."""
    if len(X) <= size:
        return X
    return X.iloc[at_random(len(X), size)]


def as_json(value, type_: str):
    if pandas.isna(value):
        return None
    if type_ == "date":
        return value.isoformat()
    return {"integer": int, "number": float, "boolean": bool, "text": str}[type_](value)
