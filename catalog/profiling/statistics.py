"""Statistics of the columns of a table, from all its rows, by SQL."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from catalog.profiling import roles, sql
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers.cells.column_types import Column

MEASURES = ("integer", "number", "date")
QUANTILES = roles.QUANTILES
# Exact quantiles and counts of distinct values keep the values in memory.
EXACT_ROWS = 1_000_000
EXACT_DISTINCT = 1_000_000
TOP, MAX_TOP_DISTINCT = 10, 100_000
FEW_INTEGERS = 50  # integers with so few values have `top` too: they can be categories
MAX_LENGTH = 200  # a column with longer texts is prose: its values are not counted
BINS = 20
GROUP = 50  # columns in one query
MAX_PICTURES = 1_000  # columns with a histogram or top values: each is a query
HUGE = 1e100  # the squares of larger numbers overflow
NUMBER = r"^\s*[+-]?(\d[\d.,' ]*|[.,]\d+)([eE][+-]?\d+)?\s*%?\s*$"


def profile(
    copy: TypedCopy, columns: Sequence[Column], *, progress: Callable[[float], None] | None = None
) -> list[dict]:
    """One profile per column: JSON values, counted in all rows.

    `count` and `missing` add up to the rows; `distinct` is exact unless `is_estimated`, and so are the `quantiles` (5,
    25, 50, 75 and 95 %). Numbers and dates (as ISO texts) have `min`, `max`, `mean`, `quantiles` and `histogram` ({low,
    high, counts}), numbers a `deviation`; infinities are left out. Texts, booleans and integers of few values have
    `top`: up to ten [value, count]. Texts have `max_length`, `mean_length` and `numeric`, the number of values that are
    numbers. `role` is one of `roles.ROLES`.
    """
    profiles = [{"name": column.name, "type": column.type, "nullable": column.nullable} for column in columns]
    steps = [_count, _measure, _draw]
    for number, step in enumerate(steps):
        for start in range(0, len(profiles), GROUP):
            step(copy, dict(enumerate(profiles[start : start + GROUP], start)))
            if progress:
                progress((number + min(start + GROUP, len(profiles)) / len(profiles)) / len(steps))
    for place, one in enumerate(profiles):
        _as_json(one)
        one["role"] = getattr(columns[place], "role", None) or roles.role(one, rows=copy.rows)
    return profiles


def value(place: int, kind: str) -> str:
    """The SQL of the finite numbers of a measure: those of a date are microseconds since 1970."""
    column = sql.name(place)
    if kind == "date":
        return f"epoch_us({column})"
    return f"CASE WHEN isfinite({column}) THEN {column} END" if kind == "number" else column


def _query(
    copy: TypedCopy, group: dict[int, dict], expressions: Callable[[int, dict], dict[str, str]]
) -> None:
    """Add the results of these expressions, by name, to the profiles of a group of columns, by their places."""
    wanted = [(one, expressions(place, one)) for place, one in group.items()]
    selected = [expression for _, named in wanted for expression in named.values()]
    if not selected:
        return
    places = [place for place, (_, named) in zip(group, wanted, strict=True) if named]
    [row] = sql.query(copy, f"SELECT {', '.join(selected)} FROM t", places=places)  # noqa: S608 - our own names
    results = iter(row)
    for one, named in wanted:
        one.update({name: next(results) for name in named})


def _count(copy: TypedCopy, group: dict[int, dict]) -> None:
    def expressions(place: int, one: dict) -> dict[str, str]:
        column = sql.name(place)
        counts = {"count": f"count({column})", "distinct": f"approx_count_distinct({column})"}
        if one["type"] in MEASURES:
            number = value(place, one["type"])
            return counts | {"min": f"min({number})", "max": f"max({number})"}
        if one["type"] == "boolean":
            return counts
        is_number = f"regexp_matches({column}, '{NUMBER.replace(chr(39), chr(39) * 2)}')"
        return counts | {
            "max_length": f"max(length({column}))",
            "mean_length": f"avg(length({column}))",
            "numeric": f"count(*) FILTER (WHERE {is_number})",
        }

    _query(copy, group, expressions)
    for one in group.values():
        one["missing"] = copy.rows - one["count"]
        one["distinct"] = min(one["distinct"], one["count"])
        one["is_estimated"] = one["distinct"] > EXACT_DISTINCT or copy.rows > EXACT_ROWS
        one.setdefault("min", None)
        one.setdefault("max", None)
        one.update(mean=None, deviation=None, quantiles=None, histogram=None, top=None)


def _measure(copy: TypedCopy, group: dict[int, dict]) -> None:
    def expressions(place: int, one: dict) -> dict[str, str]:
        wanted = {}
        if one["distinct"] <= EXACT_DISTINCT:
            wanted["distinct"] = f"count(DISTINCT {sql.name(place)})"
        if one["min"] is None:
            return wanted
        number, kind = value(place, one["type"]), one["type"]
        size = max(abs(one["min"]), abs(one["max"]))
        if size > HUGE:
            number = f"({number}) / {size!r}"
        quantile = "quantile_cont" if copy.rows <= EXACT_ROWS else "approx_quantile"
        points = "[" + ", ".join(map(str, QUANTILES)) + "]"
        wanted |= {"mean": f"avg({number})", "quantiles": f"{quantile}({number}, {points})"}
        return wanted if kind == "date" else wanted | {"deviation": f"stddev_samp({number})"}

    # Few at once: the distinct values of all columns of a query are in memory together.
    pending, total = {}, 0
    for place, one in group.items():
        exact = one["distinct"] if one["distinct"] <= EXACT_DISTINCT else 0
        if pending and total + exact > EXACT_DISTINCT:
            _query(copy, pending, expressions)
            pending, total = {}, 0
        pending[place], total = one, total + exact
    _query(copy, pending, expressions)
    for one in group.values():
        size = max(abs(one["min"]), abs(one["max"])) if one["min"] is not None else 0
        if size > HUGE:
            one["mean"], one["deviation"] = one["mean"] * size, (one["deviation"] or 0) * size
            one["quantiles"] = [quantile * size for quantile in one["quantiles"]]
        if one["distinct"] <= EXACT_DISTINCT and not one["quantiles"]:
            one["is_estimated"] = False


def _draw(copy: TypedCopy, group: dict[int, dict]) -> None:
    for place, one in group.items():
        if place >= MAX_PICTURES or not one["count"]:
            continue
        is_few = one["type"] == "integer" and one["distinct"] <= FEW_INTEGERS
        is_short = (
            one["type"] == "text" and one["max_length"] <= MAX_LENGTH and one["distinct"] <= MAX_TOP_DISTINCT
        )
        if is_few or is_short or one["type"] == "boolean":
            one["top"] = top(copy, place)
        if one["min"] is not None:
            low, high, counts = histogram(copy, place, one)
            one["histogram"] = {"low": low, "high": high, "counts": counts}


def top(copy: TypedCopy, place: int, *, limit: int = TOP) -> list[list]:
    """The most frequent values of a column, each with its count."""
    column = sql.name(place)
    statement = (
        f"SELECT {column} AS v, count(*) AS n FROM t WHERE v IS NOT NULL "  # noqa: S608
        "GROUP BY v ORDER BY n DESC, v LIMIT ?"
    )
    return [list(row) for row in sql.query(copy, statement, places=[place], parameters=[limit])]


def histogram(
    copy: TypedCopy, place: int, one: dict, *, low: float | None = None, high: float | None = None
) -> tuple[float, float, list[int]]:
    """The bounds of a histogram, of the column or as given, and the counts of its bins.

    Values outside the bounds are in the outer bins.
    """
    low, high = one["min"] if low is None else low, one["max"] if high is None else high
    bins = min(BINS, int(high - low) + 1) if one["type"] == "integer" else BINS
    if low == high:
        return low, high, [one["count"]]
    width = (high / bins - low / bins) if one["type"] != "integer" else (high - low + 1) / bins
    number = value(place, one["type"])
    place_of_bin = f"greatest(least(floor(({number}) / {width!r} - {low / width!r}), {bins - 1}), 0)"
    statement = (
        f"SELECT {place_of_bin}::INTEGER AS bin, count(*) FROM t WHERE {number} IS NOT NULL GROUP BY bin"  # noqa: S608
    )
    counts = dict(sql.query(copy, statement, places=[place]))
    return low, high, [counts.get(bin_, 0) for bin_ in range(bins)]


def _as_json(one: dict) -> None:
    """Floats that JSON has, and dates as ISO texts."""
    convert = _iso if one["type"] == "date" else _finite
    for name in ("min", "max", "mean"):
        one[name] = convert(one[name])
    one["deviation"] = _finite(one["deviation"])
    if one["quantiles"]:
        one["quantiles"] = [convert(quantile) for quantile in one["quantiles"]]
    if one["histogram"]:
        one["histogram"] |= {name: convert(one["histogram"][name]) for name in ("low", "high")}


def _finite(number: float | None) -> float | None:
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _iso(microseconds: float | None) -> str | None:
    if microseconds is None:
        return None
    return iso(microseconds)


def iso(microseconds: float) -> str:
    text = str(np.datetime64(round(microseconds), "us").astype("datetime64[s]"))
    return text.removesuffix("T00:00:00")
