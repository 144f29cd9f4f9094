"""Statistics of the columns of a table, gathered chunk by chunk in bounded memory."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

MAX_DISTINCT = 1_000
MAX_DISTINCT_TOTAL = 500_000  # for all columns of a table: about 60 MB
MAX_LENGTH = 200  # a column with longer texts is prose, not categories: its values are not counted
TOP = 10


class Profiler:
    """Builds one profile per column from typed frames (with the dtypes of `tables.chunks`).

    A profile has name, type, nullable, missing, distinct, distinct_above, min, max, mean and top, all JSON values.
    `distinct` is None if there are more than 1,000 values (fewer in a table of over 500 columns; `distinct_above` is
    this limit) or if texts are long. `min`,
    `max` and `mean` are set for numbers and dates (as ISO texts), ignoring infinities. `top` is set for texts and
    booleans: up to ten [value, count], or None if `distinct` is None.
    """

    def __init__(self, columns: Sequence):
        limit = min(MAX_DISTINCT, MAX_DISTINCT_TOTAL // max(len(columns), 1))
        self._states = [_State(column, limit) for column in columns]

    def update(self, frame: pd.DataFrame) -> None:
        for state in self._states:
            state.update(frame[state.column.name])

    def result(self) -> list[dict]:
        return [state.result() for state in self._states]


class _State:
    def __init__(self, column, limit):
        self.column = column
        self.is_measure = column.type in ("integer", "number", "date")
        self.missing = self.count = 0
        self.min = self.max = None
        self.total = 0.0
        self.limit = limit
        self.distinct_above = None
        self.counts = {}  # value: count (measures: 0); None once there are too many

    def update(self, series):
        is_missing = series.isna().to_numpy()
        missing = int(is_missing.sum())
        self.missing += missing
        if missing == len(series):
            return
        values = series.array[~is_missing] if missing else series.array
        if self.is_measure:
            self._update_measure(_as_numbers(values, self.column.type))
        elif self.counts is not None:
            self._update_counts(values)

    def _update_measure(self, values):
        if self.counts is not None:
            self.counts.update(dict.fromkeys(pd.unique(values).tolist(), 0))
            self._stop_counting_at_the_limit()
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            values = values[np.isfinite(values)]
        if not len(values):
            return
        low, high = values.min().item(), values.max().item()
        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)
        self.count += len(values)
        with np.errstate(over="ignore"):
            self.total += values.sum(dtype="float64").item()

    def _update_counts(self, values):
        codes, distinct = pd.factorize(values)
        distinct = list(map(bool if self.column.type == "boolean" else str, distinct))
        if self.column.type == "text" and max(map(len, distinct)) > MAX_LENGTH:
            self.counts = None
            return
        for value, count in zip(distinct, np.bincount(codes).tolist(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + count
        self._stop_counting_at_the_limit()

    def _stop_counting_at_the_limit(self):
        if len(self.counts) > self.limit:
            self.counts, self.distinct_above = None, self.limit

    def result(self):
        column, top = self.column, None
        if not self.is_measure and self.counts is not None:
            ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
            top = [list(item) for item in ordered[:TOP]]
        return {
            "name": column.name,
            "type": column.type,
            "nullable": column.nullable,
            "missing": self.missing,
            "distinct": None if self.counts is None else len(self.counts),
            "distinct_above": self.distinct_above,
            "min": self._as_json(self.min),
            "max": self._as_json(self.max),
            "mean": self._as_json(self._mean()),
            "top": top,
        }

    def _mean(self):
        if not self.count:
            return None
        mean = self.total / self.count
        return mean if np.isfinite(mean) else None  # the sum of huge numbers overflows

    def _as_json(self, value):
        if value is None or self.column.type != "date":
            return value
        text = str(np.datetime64(int(value), "us").astype("datetime64[s]"))
        return text.removesuffix("T00:00:00")


def _as_numbers(values, kind):
    if kind == "date":
        return np.asarray(values, "datetime64[us]").view("int64")
    return np.asarray(values, "int64" if kind == "integer" else "float64")
