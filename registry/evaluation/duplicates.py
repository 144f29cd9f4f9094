"""Test rows that are also training rows, which makes a model look better than it is. No Django models or settings."""

import numpy as np
import pandas

from mlplatform.number_formats import metric as metric_text
from registry.evaluation import definitions, measurement
from registry.evaluation.measurement import Split
from registry.evaluation.row_samples import at_random

MAX_TEST_ROWS = 20_000  # a sample of more
MAX_TEXTS = 200_000
FREQUENCY_ROWS = 20_000  # of training rows, to count how often a value occurs
# A row is a duplicate only if so few equal rows are expected by chance: rows of a few categories are equal anyway.
EXPECTED_BY_CHANCE = 0.05
MIN_DUPLICATES, MIN_SHARE = 3, 0.01
MIN_OTHERS = 20


def warning(
    pipeline,
    split: Split,
    measured: dict,
    *,
    task: str,
    metric: str,
    known: str = "training rows",
    advice: str = "Remove duplicate rows, or split by a group.",
) -> str | None:
    """A sentence about test rows that are also training rows, with the metric without them; None about a few.

    `known` names the rows of `split.train`.
    """
    rows, is_duplicate = find(split.train, split.test, split.y_train, split.y_test)
    count, others = int(is_duplicate.sum()), rows[~is_duplicate]
    if count < MIN_DUPLICATES or count < MIN_SHARE * len(rows):
        return None
    without = ""
    if len(others) >= MIN_OTHERS and measured.get(metric) is not None:
        X, y = split.test.iloc[others], split.y_test[others]
        value = measurement.predict(pipeline, X, y, task=task, warnings=[]).values().get(metric)
        if value is not None:  # it is for rows that lack a class
            label = definitions.BY_NAME[metric].label
            without = (
                f" Without them, {label} is {metric_text(value)} instead of {metric_text(measured[metric])}."
            )
    return (
        f"{count:,} of {len(rows):,} test rows ({100 * count / len(rows):.2g} %) are also {known}: every feature "
        f"and the target are the same.{without} {advice}"
    )


def find(
    train: pandas.DataFrame, test: pandas.DataFrame, y_train: np.ndarray, y_test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of test rows, at most 20,000, and whether a training row has the same values and the same target.

    The columns are compared one after the other, only in the rows that were equal so far: numbers first, since they
    are compared fastest and leave the fewest. If they leave more than 200,000, no row is a duplicate: a table that is
    mostly texts has many equal rows, and to compare them would take longer than many a fit.
    """
    rows = at_random(len(test), MAX_TEST_ROWS)
    columns = [(train[name], test[name].iloc[rows]) for name in test.columns]
    columns.append((pandas.Series(y_train), pandas.Series(y_test[rows])))
    columns.sort(key=lambda pair: not _is_number(pair[0]))
    left, right = np.arange(len(train)), np.arange(len(rows))
    left_keys, right_keys = np.zeros(len(left), np.uint64), np.zeros(len(right), np.uint64)
    for own, other in columns:
        if len(left) > MAX_TEXTS and not _is_number(own):
            return rows, np.zeros(len(rows), bool)
        left_keys = _mixed(left_keys, own.iloc[left])
        right_keys = _mixed(right_keys, other.iloc[right])
        is_left = pandas.Series(left_keys).isin(right_keys).to_numpy()
        left, left_keys = left[is_left], left_keys[is_left]
        is_right = pandas.Series(right_keys).isin(left_keys).to_numpy()
        right, right_keys = right[is_right], right_keys[is_right]
    is_duplicate = np.zeros(len(rows), bool)
    is_duplicate[right] = True
    if len(right):
        is_duplicate[right] = _expected(columns, right, len(train)) < EXPECTED_BY_CHANCE
    return rows, is_duplicate


def _is_number(values: pandas.Series) -> bool:
    return values.dtype.kind in "fMi"


def _mixed(keys: np.ndarray, values: pandas.Series) -> np.ndarray:
    """A hash of what was hashed so far and these values; equal values have equal hashes, and so have gaps."""
    kind = values.dtype.kind
    if kind == "f":
        codes = np.where(values.isna(), np.nan, values.to_numpy() + 0.0).view(np.uint64)
    elif kind in "Mi":
        codes = values.to_numpy().astype("int64").view(np.uint64)
    else:
        codes = pandas.util.hash_array(values.astype(str).to_numpy(object))
    mixed = (keys * np.uint64(31) + codes) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(29))


def _expected(columns: list[tuple], right: np.ndarray, rows: int) -> np.ndarray:
    """How many training rows would equal each of these test rows if the columns were independent."""
    step = max(rows // FREQUENCY_ROWS, 1)
    logs = np.full(len(right), np.log(rows))
    for own, other in columns:
        sample = own.iloc[::step].astype(str)
        shares = sample.value_counts(normalize=True)
        logs += np.log(other.iloc[right].astype(str).map(shares).fillna(1 / len(sample)).to_numpy(float))
    return np.exp(logs)
