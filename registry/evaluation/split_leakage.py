"""Rows that a random split should not divide: those of one group, or close in time, with the same target. No Django."""

from collections.abc import Sequence

import numpy as np
import pandas

from registry.evaluation.row_samples import at_random

MIN_GROUPS = 20
MAX_GROUP_COLUMNS = 50
MAX_ROWS = 50_000  # of a training: of a million groups of ten, a thousand pairs are among them
MAX_CELLS = 2_000_000
MAX_SENTENCES = 3
MIN_PAIRS = 30  # of rows of one group in the sample
MIN_ROWS = 50  # in the order of time
ALIKE = 0.8  # of the variance, or of the disagreement of any two rows, that is absent within a group
# Of what is absent within a group: if more is absent between neighbours, a number predicts the target.
SMOOTH = 0.5
SOMEWHAT_ALIKE = 0.2  # of each of two columns that may name groups together
ALIKE_IN_TIME = 0.6  # between one row and the next


def group_columns(profile: Sequence[dict], *, rows: int) -> list[str]:
    """The text and integer columns that could name groups of rows: of some values, each in at least two rows."""
    names = [
        column["name"]
        for column in profile
        if column["type"] in ("text", "integer") and MIN_GROUPS <= (column["distinct"] or 0) <= rows / 2
    ]
    return names[:MAX_GROUP_COLUMNS]


def group_warnings(
    frame: pandas.DataFrame, y: np.ndarray, *, target: str, is_classification: bool
) -> list[str]:
    """Sentences about the columns that name groups among the rows of a training, by a sample of its different rows.

    The dry run has too few rows to see many groups.
    """
    rows = at_random(len(y), min(MAX_ROWS, MAX_CELLS // frame.shape[1]))
    sample = frame.iloc[rows].reset_index(drop=True)
    is_first = ~sample.assign(**{target: y[rows]}).duplicated().to_numpy()
    names = [name for name in frame.columns[:MAX_GROUP_COLUMNS] if frame[name].dtype.kind not in "Mb"]
    sample, y = sample[is_first], y[rows][is_first]
    found = groups(sample, names, y, is_classification=is_classification)
    if found:
        return [group_sentence(name, target) for name in found[:MAX_SENTENCES]]
    pair = _pair(sample, names, y, is_classification)
    return [group_sentence("` and `".join(pair), target)] if pair else []


def group_sentence(name: str, target: str) -> str:
    return (
        f"Rows with the same `{name}` almost always have the same `{target}`, and a random split has them in both "
        "parts. To measure the model on new values, split by this group."
    )


def _pair(frame: pandas.DataFrame, names: list[str], y: np.ndarray, is_classification: bool) -> list[str]:
    """The two columns that name groups together, as height and weight do people, if their values almost always have
    one target."""
    values = pandas.factorize(y)[0] if is_classification else y
    alike = {name: _alike_in_groups(frame[name], values, is_classification) for name in names}
    pair = sorted(alike, key=alike.get, reverse=True)[:2]
    if len(pair) < 2 or alike[pair[1]] < SOMEWHAT_ALIKE:
        return []
    pair.sort(key=names.index)
    together = pandas.Series(frame.groupby(pair, dropna=False).ngroup().to_numpy())
    return pair if _alike_in_groups(together, values, is_classification) >= ALIKE else []


def groups(frame: pandas.DataFrame, names: list[str], y: np.ndarray, *, is_classification: bool) -> list[str]:
    """The columns whose values almost always have one target, but not the one of the next value: a number that predicts
    the target well is no group. Rows without a value are ignored.
    """
    values = pandas.factorize(y)[0] if is_classification else y
    return [name for name in names if _alike_in_groups(frame[name], values, is_classification) >= ALIKE]


def _alike_in_groups(series: pandas.Series, y: np.ndarray, is_classification: bool) -> float:
    is_known = series.notna().to_numpy(bool)
    is_number = pandas.api.types.is_numeric_dtype(series.dtype)
    codes, y = pandas.factorize(series[is_known], sort=is_number)[0], y[is_known]
    order = np.argsort(codes, kind="stable")
    is_pair = codes[order][1:] == codes[order][:-1]
    if is_pair.sum() < MIN_PAIRS or len(np.unique(codes[order][1:][is_pair])) < MIN_GROUPS:
        return 0
    first, second = y[order][:-1], y[order][1:]
    alike = _alike(first[is_pair], second[is_pair], y, is_classification)
    is_smooth = is_number and _alike(first[~is_pair], second[~is_pair], y, is_classification) > SMOOTH * alike
    return 0 if is_smooth else alike


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
