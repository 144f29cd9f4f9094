"""A table's columns in figures, and a sample of its rows, chunk by chunk in bounded memory. No Django, no readers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

MAX_DISTINCT = 1_000
MAX_DISTINCT_IN_ALL = 500_000  # of all columns together: about 60 MB
MAX_LENGTH = 200  # a longer text is prose, not a category: its values are not counted
TOP = 10
SAMPLE_ROWS = 500
SAMPLE_BYTES = 64 * 1024**2  # 500 rows of prose may be 500 MB: then the sample has fewer rows


class Profiler:
    """Gathers one profile per column from typed frames (the dtypes of `tables.chunks`).

    A profile has name, type, nullable, missing, distinct, min, max, mean and top, all fit for JSON. `distinct`
    is None when there are more than 1,000 values (fewer in a table of over 500 columns) or texts are long.
    `min`, `max` and `mean` are for numbers and dates (as ISO texts); infinities are left out. `top` is for
    texts and booleans: up to ten [value, count], None where `distinct` is.
    """

    def __init__(self, columns: Sequence):
        cap = min(MAX_DISTINCT, MAX_DISTINCT_IN_ALL // max(len(columns), 1))
        self._states = [_State(column, cap) for column in columns]

    def update(self, frame: pd.DataFrame) -> None:
        for state in self._states:
            state.update(frame[state.column.name])

    def result(self) -> list[dict]:
        return [state.result() for state in self._states]


class _State:
    def __init__(self, column, cap):
        self.column = column
        self.is_measure = column.type in ("integer", "number", "date")
        self.missing = self.count = 0
        self.min = self.max = None
        self.total = 0.0
        self.cap = cap
        self.counts = {}  # value: how often (measures: 0); None once there are too many

    def update(self, series):
        is_missing = series.isna().to_numpy()
        gaps = int(is_missing.sum())
        self.missing += gaps
        if gaps == len(series):
            return
        values = series.array[~is_missing] if gaps else series.array
        if self.is_measure:
            self._update_measure(_as_numbers(values, self.column.type))
        elif self.counts is not None:
            self._update_counts(values)

    def _update_measure(self, values):
        if self.counts is not None:
            self.counts.update(dict.fromkeys(pd.unique(values).tolist(), 0))
            self._stop_counting_at_the_cap()
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
        codes, found = pd.factorize(values)
        found = list(map(bool if self.column.type == "boolean" else str, found))
        if self.column.type == "text" and max(map(len, found)) > MAX_LENGTH:
            self.counts = None
            return
        for value, count in zip(found, np.bincount(codes).tolist(), strict=True):
            self.counts[value] = self.counts.get(value, 0) + count
        self._stop_counting_at_the_cap()

    def _stop_counting_at_the_cap(self):
        if len(self.counts) > self.cap:
            self.counts = None

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
            "min": self._shown(self.min),
            "max": self._shown(self.max),
            "mean": self._shown(self._mean()),
            "top": top,
        }

    def _mean(self):
        if not self.count:
            return None
        mean = self.total / self.count
        return mean if np.isfinite(mean) else None  # the sum of huge numbers overflows

    def _shown(self, value):
        if value is None or self.column.type != "date":
            return value
        text = str(np.datetime64(int(value), "us").astype("datetime64[s]"))
        return text.removesuffix("T00:00:00")


def _as_numbers(values, kind):
    if kind == "date":
        return np.asarray(values, "datetime64[us]").view("int64")
    return np.asarray(values, "int64" if kind == "integer" else "float64")


class Sampler:
    """Takes at most 500 rows of a table of `rows` rows, each row as likely as any other, in the table's order.

    The same table gives the same sample; one of 500 rows or fewer is its own sample. Where the rows are so
    long that the sample would exceed 64 MB, it has half as many, or a quarter.
    """

    def __init__(self, columns: Sequence, rows: int):
        self._texts = [column.name for column in columns if column.type == "text"]
        # In random order, so that the first half of them is a fair sample too.
        self._drawn = np.random.default_rng(0).choice(rows, min(rows, SAMPLE_ROWS), replace=False)
        self._wanted = np.sort(self._drawn)
        self._taken = []  # pairs of places in the table and the rows that are there
        self._start = self._bytes = 0

    def update(self, frame: pd.DataFrame) -> None:
        low, high = np.searchsorted(self._wanted, [self._start, self._start + len(frame)])
        places = self._wanted[low:high]
        if len(places):
            self._keep(places, frame if len(places) == len(frame) else frame.take(places - self._start))
        self._start += len(frame)
        while self._bytes > SAMPLE_BYTES and len(self._drawn) > 1:
            self._halve()

    def result(self) -> pd.DataFrame:
        frames = [frame for _, frame in self._taken]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    def _keep(self, places, frame):
        self._taken.append((places, frame.reset_index(drop=True)))
        self._bytes += 8 * frame.size + sum(frame[name].array.nbytes for name in self._texts)

    def _halve(self):
        self._drawn = self._drawn[: len(self._drawn) // 2]
        self._wanted = np.sort(self._drawn)
        taken, self._taken, self._bytes = self._taken, [], 0
        for places, frame in taken:
            stay = np.flatnonzero(np.isin(places, self._wanted))
            if len(stay):
                self._keep(places[stay], frame.take(stay))
