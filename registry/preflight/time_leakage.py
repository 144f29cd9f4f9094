"""Features that say what happened after the event, judged by their gaps and by how they change over time. No Django."""

import numpy as np
import pandas

from registry.preflight.leakage import LUCK_BITS

MIN_ROWS = 10  # with a value, and without one
ALMOST_ALL, NOT_RARE = 0.97, 0.8  # of the rows with a value, and of all rows
EXPLAINED = 0.5  # of the variance of a number
NEWEST = 0.2
MIN_NEWEST = 20
FILL_CHANGE = 0.5
STRONG, WEAK = 0.6, 0.25  # correlation of ranks, in older rows and in the newest
MIN_COMPARED = 40


def filled_afterwards(
    frame: pandas.DataFrame, inputs: list[dict], y: np.ndarray, *, is_classification: bool
) -> list[str]:
    """The features that have a value almost only in the rows of one class, or whose gaps alone predict a number."""
    codes, shares = pandas.factorize(y)[0], None
    if is_classification:
        shares = np.bincount(codes) / max(len(codes), 1)
    found = []
    for column in inputs:
        is_filled = frame[column["name"]].notna().to_numpy(bool)
        if min(is_filled.sum(), (~is_filled).sum()) < MIN_ROWS:
            continue
        if is_classification:
            is_late = _is_filled_for_one_class(codes[is_filled], shares, len(inputs))
        else:
            is_late = _explained_by(is_filled, y) >= EXPLAINED
        if is_late:
            found.append(column["name"])
    return found


def _is_filled_for_one_class(filled: np.ndarray, shares: np.ndarray, columns: int) -> bool:
    counts = np.bincount(filled, minlength=len(shares))
    label = int(counts.argmax())
    if counts[label] < ALMOST_ALL * len(filled) or shares[label] > NOT_RARE:
        return False
    return len(filled) * -np.log2(shares[label]) >= LUCK_BITS + np.log2(max(columns, 1))


def _explained_by(is_filled: np.ndarray, y: np.ndarray) -> float:
    total = ((y - y.mean()) ** 2).sum()
    rest = sum(((part - part.mean()) ** 2).sum() for part in (y[is_filled], y[~is_filled]))
    return 1 - rest / total if total else 0


def filled_until(frame: pandas.DataFrame, inputs: list[dict], times: pandas.Series) -> dict[str, tuple]:
    """The features whose share of rows with a value changes by half between older rows and the newest, with both."""
    old, new = _by_age(times)
    if len(new) < MIN_NEWEST:
        return {}
    found = {}
    for column in inputs:
        is_filled = frame[column["name"]].notna().to_numpy(bool)
        shares = float(is_filled[old].mean()), float(is_filled[new].mean())
        if abs(shares[0] - shares[1]) >= FILL_CHANGE:
            found[column["name"]] = shares
    return found


def predictive_until(
    frame: pandas.DataFrame,
    inputs: list[dict],
    times: pandas.Series,
    y: np.ndarray,
    *,
    is_classification: bool,
) -> list[str]:
    """The numbers that are closely related to the target in older rows, and hardly in the newest."""
    old, new = _by_age(times)
    found = []
    for column in inputs if len(new) >= MIN_COMPARED else ():
        if column["type"] not in ("integer", "number", "boolean"):
            continue
        values = frame[column["name"]].astype("float64").to_numpy(na_value=np.nan)
        before, after = (_related(values[rows], y[rows], is_classification) for rows in (old, new))
        if before >= STRONG and after <= WEAK:
            found.append(column["name"])
    return found


def _by_age(times: pandas.Series) -> tuple[np.ndarray, np.ndarray]:
    """The positions of the older rows, and of the newest; rows without a time are in neither."""
    known = np.flatnonzero(times.notna())
    order = known[np.argsort(times.iloc[known].to_numpy(), kind="stable")]
    first = len(order) - int(NEWEST * len(order))
    return order[:first], order[first:]


def _related(values: np.ndarray, y: np.ndarray, is_classification: bool) -> float:
    """The correlation of the ranks with the target: with its ranks, or with the best prediction from its classes."""
    is_known = np.isfinite(values)
    if is_known.sum() < MIN_ROWS or np.ptp(values[is_known]) == 0:
        return 0
    ranks = pandas.Series(values[is_known]).rank()
    if is_classification:
        targets = ranks.groupby(pandas.factorize(y[is_known])[0]).transform("mean")
    else:
        targets = pandas.Series(y[is_known]).rank()
    return 0 if targets.nunique() < 2 else abs(float(np.corrcoef(ranks, targets)[0, 1]))
