"""The parts of dates as float64, as pandas computes them; missing dates are NaN."""

import numpy as np


def _seconds(dates: np.ndarray) -> np.ndarray:
    """Seconds since 1970, divided as pandas does."""
    return (dates - np.datetime64(0, "us")) / np.timedelta64(1, "s")


def _whole(steps: np.ndarray, unit: str) -> np.ndarray:
    return steps / np.timedelta64(1, unit)


def _year(dates):
    return _since_1970(dates.astype("M8[Y]")) + 1970


def _month(dates):
    months = dates.astype("M8[M]")
    return _since_1970(months) % 12 + 1


def _since_1970(dates: np.ndarray) -> np.ndarray:
    """Whole years or months since 1970: numpy does not divide them."""
    counts = dates.astype("int64").astype("float64")
    counts[np.isnat(dates)] = np.nan
    return counts


def _day(dates):
    days = dates.astype("M8[D]")
    return _whole(days - dates.astype("M8[M]").astype("M8[D]"), "D") + 1


def _weekday(dates):
    return (_whole(dates.astype("M8[D]") - np.datetime64(0, "D"), "D") + 3) % 7  # 1970 began on a Thursday


def _hour(dates):
    return np.floor(_whole(dates - dates.astype("M8[D]"), "h"))


PARTS = {
    "seconds": _seconds,
    "dt.year": _year,
    "dt.month": _month,
    "dt.day": _day,
    "dt.day_of_week": _weekday,
    "dt.hour": _hour,
}
