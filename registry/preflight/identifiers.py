"""Features that are unique in (almost) every row, which does not help to predict new rows. No Django."""

import numpy as np
import pandas

MIN_ROWS = 10
MIN_ROWS_FOR_SPREAD = 50
UNIQUE_IN_TABLE, UNIQUE_IN_SAMPLE = 0.95, 0.99


def find(frame: pandas.DataFrame, inputs: list[dict], *, profile: dict[str, dict], rows: int) -> list[str]:
    """The text and integer columns with a different value in (almost) every row.

    The `profile` (by column) says so from all `rows`. Earlier profiles do not: then `frame` decides, a sample in the
    order of the table. Integers must also be distributed like a counter or like random codes: amounts differ in every
    row too, but they cluster.
    """
    return [
        column["name"] for column in inputs if _is_identifier(frame, column, profile[column["name"]], rows)
    ]


def _is_identifier(frame: pandas.DataFrame, column: dict, profile: dict, rows: int) -> bool:
    if "role" in profile:
        return profile["role"] == "identifier"
    filled, distinct = rows - profile["missing"], profile["distinct"]
    if column["type"] not in ("integer", "text") or filled < MIN_ROWS:
        return False
    if distinct is not None and distinct < UNIQUE_IN_TABLE * filled:
        return False
    values = frame[column["name"]].dropna()
    if len(values) < MIN_ROWS or (distinct is None and values.nunique() < UNIQUE_IN_SAMPLE * len(values)):
        return False
    if column["type"] == "text":
        return True
    numbers = values.to_numpy("float64")
    steps = np.diff(numbers)
    is_counted = profile["max"] - profile["min"] < 2 * filled or (steps > 0).all() or (steps < 0).all()
    return bool(is_counted or _is_uniform(numbers))


def _is_uniform(numbers: np.ndarray) -> bool:
    """Whether they pass a Kolmogorov-Smirnov test for a uniform distribution, at the 1 % level."""
    positions = (np.sort(numbers) - numbers.min()) / np.ptp(numbers)
    distance = np.abs(positions - np.linspace(0, 1, len(positions))).max()
    return len(positions) >= MIN_ROWS_FOR_SPREAD and distance < 1.63 / np.sqrt(len(positions))
