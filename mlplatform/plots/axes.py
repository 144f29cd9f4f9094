"""Axes of plots: a range, and evenly spaced ticks at round numbers in it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

INTERVALS = 4  # about as many are between the ticks of an axis
STEPS = (1, 2, 2.5, 5, 10)
LARGEST = 1e300  # beyond it, the range of an axis could be infinite
MAX_LABEL = 36  # characters
PADDING = 0.04  # between the outermost values and the ends of an axis
# Of large numbers, so that five of them fit below an axis.
SUFFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Axis:
    """The values from `low` to `high`, of which `ticks` have a label: a number, or one of the `names`."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    names: tuple[str, ...] = ()

    def __post_init__(self):
        if len(self.label) > MAX_LABEL:
            object.__setattr__(self, "label", f"{self.label[: MAX_LABEL - 1]}…")

    def share(self, value: float) -> float:
        """Where a value is, from 0 at the low end to 1; a value beyond an end is at this end."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def tick_labels(self) -> list[str]:
        return list(self.names) if self.names else [with_minus(label) for label in self._numbers()]

    def _numbers(self) -> list[str]:
        if len(self.ticks) < 2:
            return [f"{tick:g}" for tick in self.ticks]
        largest, step = max(map(abs, self.ticks)), self.ticks[1] - self.ticks[0]
        if largest >= 1e12 or largest < 1e-3:
            return [f"{tick:.3g}" for tick in self.ticks]
        divisor, suffix = next(((d, s) for d, s in SUFFIXES if largest >= d * 10), (1, ""))
        decimals = _decimals(step / divisor)
        return [f"{tick / divisor:.{decimals}f}{suffix if tick else ''}" for tick in self.ticks]


def with_minus(number: str) -> str:
    """A computed number with the minus sign of typography, which is as wide as its digits."""
    return number.replace("-", "\u2212")


SHARE_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def shares(label: str) -> Axis:
    """From 0 to 1."""
    return Axis(label, 0, 1, SHARE_TICKS)


def around(values: Iterable[float], label: str, *, whole: bool = False) -> Axis:
    """An axis on which all finite values are, with some space around but not beyond zero; from 0 to 1 for no values.

    Whole numbers, such as years, have ticks at whole numbers only.
    """
    finite = [min(max(float(v), -LARGEST), LARGEST) for v in values if v is not None and math.isfinite(v)]
    if not finite:
        return shares(label)
    low, high = min(finite), max(finite)
    distance = high / INTERVALS - low / INTERVALS
    if distance <= max(abs(low), abs(high)) * 1e-12 or distance < 1e-300:  # equal, but for rounding
        half = abs(low) / 2 or 0.5
        low, high = low - half, high + half
        distance = high / INTERVALS - low / INTERVALS
    padding = distance * INTERVALS * PADDING
    low, high = low - padding if low else low, high + padding if high else high
    step = max(math.floor(_step(distance)), 1) if whole else _step(distance)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Axis(label, low, high, tuple(step * i for i in range(first, last + 1)))


def _step(distance: float) -> float:
    """The round number that is closest above a positive distance, or a little below it."""
    magnitude = 10.0 ** math.floor(math.log10(distance))
    return next(factor * magnitude for factor in STEPS if factor * magnitude >= distance * 0.999)


def _decimals(step: float) -> int:
    """As many decimals as tell ticks with this step apart."""
    return next((n for n in range(6) if abs(round(step, n) - step) < step * 1e-6), 6)
