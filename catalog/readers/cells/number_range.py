"""The range of the numbers of a column, and the values in it that are probably not measurements."""

import numpy as np

# -99, 999 and so on; the least integers of 16 and 32 bits; the fill values of scientific formats.
NINES = [sign * (10.0**digits - 1) for digits in range(2, 9) for sign in (-1, 1)]
TENTHS = [-99.9, -999.9, -9999.9, 999.9, 9999.9, 99.99, 999.99, 9999.99]
SENTINELS = frozenset([*NINES, *TENTHS, -32768.0, -2147483648.0, 2147483647.0, 1e20, -1e20, 1e30, -1e30])
COMPACT = (19000101, 21001231)  # as 20240131
MAX_EXACT = 2**53  # a float64 rounds larger whole numbers


class NumberRange:
    """The least and the greatest number apart from possible codes for a missing one, which are counted."""

    def __init__(self):
        self.low, self.high = np.inf, -np.inf
        self.counts: dict[float, int] = {}
        self.rows: dict[float, int] = {}
        self.large: int | None = None  # the row of the first number that a float64 may round
        self.infinite: int | None = None
        self.infinite_count = 0
        self.are_compact_dates = True

    def update(self, values: np.ndarray, rows: np.ndarray | None = None, *, row: int = 0) -> None:
        """Numbers without missing ones. They are in the given rows, or in consecutive ones from `row`."""
        if values.dtype.kind == "f":
            is_infinite = np.isinf(values)
            if is_infinite.any():
                if self.infinite is None:
                    self.infinite = _row(is_infinite, rows, row)
                self.infinite_count += int(is_infinite.sum())
        if not len(values):
            return
        low, high = values.min(), values.max()
        if self.large is None and max(_whole(low), _whole(high)) >= MAX_EXACT:
            self.large = _row(np.abs(values.astype("float64")) >= MAX_EXACT, rows, row)
        self._check_compact(values, low, high)
        while len(values) and (float(low) in SENTINELS or float(high) in SENTINELS):
            code = low if float(low) in SENTINELS else high
            is_code = values == code
            self.rows.setdefault(float(code), _row(is_code, rows, row))
            self.counts[float(code)] = self.counts.get(float(code), 0) + int(is_code.sum())
            values = values[~is_code]
            rows = np.flatnonzero(~is_code) + row if rows is None else rows[~is_code]
            low, high = (values.min(), values.max()) if len(values) else (np.inf, -np.inf)
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))

    def extend(self, low: float, high: float, *, is_whole: bool) -> bool:
        """Update with the ends of some numbers; False, without an update, if that takes the numbers themselves."""
        is_compact = is_whole and self.are_compact_dates and COMPACT[0] <= low <= high <= COMPACT[1]
        if is_compact or low in SENTINELS or high in SENTINELS or max(-low, high) >= MAX_EXACT:
            return False
        self.are_compact_dates = False
        self.low, self.high = min(self.low, low), max(self.high, high)
        return True

    def _check_compact(self, values, low, high):
        if not self.are_compact_dates:
            return
        if values.dtype.kind != "i" or low < COMPACT[0] or high > COMPACT[1]:
            self.are_compact_dates = False
            return
        month, day = values // 100 % 100, values % 100
        self.are_compact_dates = bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())

    @property
    def sentinel(self) -> tuple[float, int, int] | None:
        """The most frequent number that is far from all others as a code for missing is: itself, its count and row."""
        far = [(count, code) for code, count in self.counts.items() if self._is_far(code, count)]
        if not far:
            return None
        count, code = max(far)
        return code, count, self.rows[code]

    def _is_far(self, code, count):
        if not np.isfinite(self.low) or not np.isfinite(self.high):
            return False
        spread = max(self.high - self.low, 1.0)
        if code < 0:
            return code < self.low and (self.low >= 0 or self.low - code > spread)
        return code > self.high and code - self.high > 2 * spread and count > 1


def _row(mask, rows, row):
    place = int(mask.argmax())
    return row + place if rows is None else int(rows[place])


def _whole(value):
    return abs(int(value)) if np.isfinite(value) else 0
