"""Which features are different in (nearly) every row, and so tell a model nothing about new rows. No Django."""

import numpy as np
import pandas

FEWEST_ROWS = 10
FEWEST_FOR_A_SPREAD = 50
OF_ALL_ROWS, OF_A_SAMPLE = 0.95, 0.99


def find(frame: pandas.DataFrame, inputs: list[dict], *, profile: dict[str, dict], rows: int) -> list[str]:
    """The texts and whole numbers with a value of its own for (nearly) every row.

    `frame` is a sample, in the order of the table, whose `rows` the `profile` (by column) counts. A whole number
    must also be spread like a counter or like random codes: amounts differ in every row too, but they bunch.
    """
    return [
        column["name"] for column in inputs if _is_identifier(frame, column, profile[column["name"]], rows)
    ]


def _is_identifier(frame: pandas.DataFrame, column: dict, known: dict, rows: int) -> bool:
    filled, distinct = rows - known["missing"], known["distinct"]
    if column["type"] not in ("integer", "text") or filled < FEWEST_ROWS:
        return False
    if distinct is not None and distinct < OF_ALL_ROWS * filled:
        return False
    values = frame[column["name"]].dropna()
    if len(values) < FEWEST_ROWS or (distinct is None and values.nunique() < OF_A_SAMPLE * len(values)):
        return False
    if column["type"] == "text":
        return True
    numbers = values.to_numpy("float64")
    steps = np.diff(numbers)
    is_counted = known["max"] - known["min"] < 2 * filled or (steps > 0).all() or (steps < 0).all()
    return bool(is_counted or _is_even(numbers))


def _is_even(numbers: np.ndarray) -> bool:
    """Whether they are no further from an even spread than chance (Kolmogorov-Smirnov, one in a hundred)."""
    places = (np.sort(numbers) - numbers.min()) / np.ptp(numbers)
    distance = np.abs(places - np.linspace(0, 1, len(places))).max()
    return len(places) >= FEWEST_FOR_A_SPREAD and distance < 1.63 / np.sqrt(len(places))
