"""Rows that a random split should not divide: those of one group, or close in time, with the same target. No Django."""

from collections.abc import Sequence

import numpy as np
import pandas

MIN_GROUPS = 20
MAX_GROUP_COLUMNS = 50
MIN_PAIRS = 30  # of rows of one group in the sample
MIN_ROWS = 50  # in the order of time
ALIKE = 0.8  # of the variance, or of the disagreement of any two rows, that is absent within a group
ALIKE_IN_TIME = 0.6  # between one row and the next


def group_columns(profile: Sequence[dict], *, rows: int) -> list[str]:
    """The text and integer columns that could name groups of rows: of some values, each in at least two rows."""
    names = [
        column["name"]
        for column in profile
        if column["type"] in ("text", "integer") and MIN_GROUPS <= (column["distinct"] or 0) <= rows / 2
    ]
    return names[:MAX_GROUP_COLUMNS]


def groups(frame: pandas.DataFrame, names: list[str], y: np.ndarray, *, is_classification: bool) -> list[str]:
    """The columns whose values almost always have one target; rows without a value are ignored."""
    values = pandas.factorize(y)[0] if is_classification else y
    return [name for name in names if _alike_in_groups(frame[name], values, is_classification) >= ALIKE]


def _alike_in_groups(series: pandas.Series, y: np.ndarray, is_classification: bool) -> float:
    is_known = series.notna().to_numpy(bool)
    codes, y = pandas.factorize(series[is_known])[0], y[is_known]
    order = np.argsort(codes, kind="stable")
    is_pair = codes[order][1:] == codes[order][:-1]
    if is_pair.sum() < MIN_PAIRS or len(np.unique(codes[order][1:][is_pair])) < MIN_GROUPS:
        return 0
    first, second = y[order][:-1][is_pair], y[order][1:][is_pair]
    return _alike(first, second, y, is_classification)


def alike_in_time(times: pandas.Series, y: np.ndarray, *, is_classification: bool) -> bool:
    """Whether rows that follow each other have almost the same target; rows of one time are no evidence."""
    known = np.flatnonzero(times.notna())
    order = known[np.argsort(times.iloc[known].to_numpy(), kind="stable")]
    if len(order) < MIN_ROWS:
        return False
    values = pandas.factorize(y)[0] if is_classification else y
    ordered, instants = values[order], times.iloc[order].to_numpy()
    is_later = instants[1:] > instants[:-1]
    if is_later.sum() < MIN_ROWS:
        return False
    return _alike(ordered[:-1][is_later], ordered[1:][is_later], values, is_classification) >= ALIKE_IN_TIME


def _alike(first: np.ndarray, second: np.ndarray, y: np.ndarray, is_classification: bool) -> float:
    """1 if the rows of each pair have the same target, 0 if they differ as any two rows do."""
    if is_classification:
        shares = np.bincount(y) / len(y)
        usual, found = 1 - (shares**2).sum(), (first != second).mean()
    else:
        usual, found = 2 * y.var(), ((first - second) ** 2).mean()
    return float(1 - found / usual) if usual > 0 else 0
