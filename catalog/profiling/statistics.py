"""Statistics of the columns of a table, from all its rows: those that are too large for memory by SQL."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from catalog.profiling import number_statistics, roles, sql, text_statistics
from catalog.profiling.number_statistics import FEW_INTEGERS, HUGE
from catalog.profiling.text_statistics import NUMBER, TOP
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers.cells import column_types
from catalog.readers.cells.column_types import Column

MEASURES = ("integer", "number", "date")
POINTS = "[" + ", ".join(map(str, roles.QUANTILES)) + "]"  # in SQL
# Of a large table; exact counts of distinct values keep the values in memory.
EXACT_DISTINCT = 100_000
# From this many, texts that are stored as codes are counted once for each different one.
MANY_ROWS = 50_000
GROUP = 50  # columns in one query
RESULTS = ("min", "max", "mean", "deviation", "quantiles", "histogram", "top")


def profile(
    copy: TypedCopy,
    columns: Sequence[Column],
    *,
    sample: pa.Table,
    progress: Callable[[float], None] | None = None,
) -> list[dict]:
    """One profile per column: JSON values, counted in all rows.

    `count` and `missing` add up to the rows; `distinct` is exact unless `is_estimated`, and so are the `quantiles` (5,
    25, 50, 75 and 95 %). Numbers and dates (as ISO texts) have `min`, `max`, `mean`, `quantiles` and `histogram` ({low,
    high, counts}), numbers a `deviation`; infinities are left out. Texts, booleans and integers of few values have
    `top`: up to ten [value, count]. Texts have `max_length`, `mean_length`, `mean_words` (by their spaces) and
    `numeric`, the number of values that are numbers. Integers have `is_monotonic`: whether those of the `sample` ascend
    or descend. `role` is one of `roles.ROLES`.
    """
    profiles = [
        {"name": column.name, "type": column.type, "nullable": column.nullable} | dict.fromkeys(RESULTS)
        for column in columns
    ]
    done = 0
    for step, group in _steps(copy, profiles).items():
        count = 0
        for count in step(copy, group):
            if progress:
                progress((done + count) / len(profiles))
        done += count
    for place, one in enumerate(profiles):
        _as_json(one)
        if one["type"] == "integer":
            one["is_monotonic"] = _is_monotonic(sample.column(place))
        one["role"] = getattr(columns[place], "role", None) or roles.role(one, rows=copy.rows)
    return profiles


def _steps(copy: TypedCopy, profiles: list[dict]) -> dict[Callable, list[dict]]:
    """The columns that are measured in memory, and those that are not."""
    numbers, texts, rest = [], [], []
    for one, field in zip(profiles, copy.schema, strict=True):
        if one["type"] in MEASURES:
            (numbers if copy.rows <= number_statistics.MAX_ROWS else rest).append(one)
        else:
            is_small = copy.rows <= text_statistics.MAX_ROWS or not column_types.is_text(field.type)
            (texts if is_small else rest).append(one)
    return {number_statistics.add: numbers, text_statistics.add: texts, _add_by_sql: rest}


def _add_by_sql(copy: TypedCopy, profiles: list[dict]) -> Iterator[int]:
    names = {name: place for place, name in enumerate(copy.schema.names)}
    for start in range(0, len(profiles), GROUP):
        places = {names[one["name"]]: one for one in profiles[start : start + GROUP]}
        _count(copy, places)
        _count_values(copy, places)
        _measure(copy, places)
        _draw(copy, places)
        yield start + len(places)


def _is_monotonic(values: pa.ChunkedArray) -> bool:
    numbers = values.drop_null().to_numpy()
    return bool((numbers[1:] > numbers[:-1]).all() or (numbers[1:] < numbers[:-1]).all())


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
        return counts | {
            "max_length": f"max(length({column}))",
            "mean_length": f"avg(length({column}))",
            "mean_words": f"avg(length({column}) - length(replace({column}, ' ', ''))) + 1",
            "numeric": f"count(*) FILTER (WHERE regexp_matches({column}, {_quoted(NUMBER)}))",
        }

    _query(copy, group, expressions)
    for one in group.values():
        one["missing"] = copy.rows - one["count"]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count_values(copy: TypedCopy, group: dict[int, dict]) -> None:
    """Add the numbers of distinct values, exact if they are not many, and the most frequent ones."""
    for place, one in group.items():
        one["distinct"] = min(one["distinct"], one["count"])
        one["is_estimated"] = one["distinct"] > EXACT_DISTINCT
        if not one["is_estimated"]:
            _query(copy, {place: one}, lambda place, one: {"distinct": f"count(DISTINCT {sql.name(place)})"})
        if _has_top(one):
            one["top"] = top(copy, place)


def _has_top(one: dict) -> bool:
    if one["type"] in MEASURES:
        return one["type"] == "integer" and one["distinct"] <= FEW_INTEGERS
    return text_statistics.has_top(is_text=True, distinct=one["distinct"], max_length=one["max_length"])


def _measure(copy: TypedCopy, group: dict[int, dict]) -> None:
    def expressions(place: int, one: dict) -> dict[str, str]:
        if one["min"] is None:
            return {}
        number, kind = value(place, one["type"]), one["type"]
        if (size := _size(one)) > HUGE:
            number = f"({number}) / {size!r}"
        wanted = {"mean": f"avg({number})", "quantiles": f"approx_quantile({number}, {POINTS})"}
        return wanted if kind == "date" else wanted | {"deviation": f"stddev_samp({number})"}

    _query(copy, group, expressions)
    for one in group.values():
        if (size := _size(one)) > HUGE:
            one["mean"], one["deviation"] = one["mean"] * size, (one["deviation"] or 0) * size
            one["quantiles"] = [quantile * size for quantile in one["quantiles"]]


def _size(one: dict) -> float:
    return 0 if one["min"] is None else max(abs(one["min"]), abs(one["max"]))


def _draw(copy: TypedCopy, group: dict[int, dict]) -> None:
    drawn = [one for one in group.values() if one["min"] is not None]
    ranges = [(one["min"], one["max"], one["type"]) for one in drawn]
    counts = [np.zeros(number_statistics.number_of_bins(*range_), "int64") for range_ in ranges]
    batches = copy.batches([one["name"] for one in drawn]) if drawn else ()
    for batch in batches:
        for range_, count, values in zip(ranges, counts, batch.columns, strict=True):
            kind = pa.float64() if range_[2] == "number" else pa.int64()
            numbers = values.drop_null().cast(kind).to_numpy()
            places = number_statistics.bin_places(numbers[np.isfinite(numbers)], *range_)
            count += np.bincount(places, minlength=len(count))
    for one, count in zip(drawn, counts, strict=True):
        one["histogram"] = {"low": one["min"], "high": one["max"], "counts": count.tolist()}


def top(copy: TypedCopy, place: int, *, limit: int = TOP) -> list[list]:
    """The most frequent values of a column, each with its count."""
    column = sql.name(place)
    statement = (
        f"SELECT {column} AS v, count(*) AS n FROM t WHERE v IS NOT NULL "  # noqa: S608
        "GROUP BY v ORDER BY n DESC, v LIMIT ?"
    )
    return [list(row) for row in sql.query(copy, statement, places=[place], parameters=[limit])]


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
