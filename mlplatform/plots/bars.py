"""Bars from zero, one a row of a table, on one scale: of importances, and of the reasons for a prediction."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mlplatform.plots.plot import text


@dataclass(frozen=True)
class Bar:
    """The positions of a bar, from 0 to 100, as `templates/parts/dots.html` draws it."""

    zero: float
    end: float
    low: float | None
    high: float | None
    dots: list[dict]


def scale(values: Collection[float]) -> Callable[[float], float]:
    """Returns the place of a value, from 0 to 100, on a scale from the smallest to the largest of these values."""
    low, span = min(values), (max(values) - min(values)) or 1.0
    return lambda value: (value - low) / span * 100


def bars(
    values: Sequence[float],
    spreads: Sequence[float | None] = (),
    dots: Sequence[Sequence[float]] = (),
) -> list[Bar]:
    """A bar for each value, with an interval of a spread to both sides and dots, such as those of repeats."""
    spreads, dots = spreads or [None] * len(values), dots or [()] * len(values)
    ends = [
        end
        for value, spread in zip(values, spreads, strict=True)
        for end in (value - (spread or 0), value + (spread or 0))
    ]
    shown = [0.0, *ends, *(dot for some in dots for dot in some)]
    place = scale(shown)
    return [
        Bar(
            place(0),
            place(value),
            None if spread is None else place(value - spread),
            None if spread is None else place(value + spread),
            [{"x": place(dot), "label": text(dot)} for dot in some],
        )
        for value, spread, some in zip(values, spreads, dots, strict=True)
    ]
