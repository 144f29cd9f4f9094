"""Statistics of the columns of a table, from all its rows, by SQL."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.profiling import roles, sql
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers.cells.column_types import Column

MEASURES = ("integer", "number", "date")
QUANTILES = roles.QUANTILES
POINTS = "[" + ", ".join(map(str, QUANTILES)) + "]"  # in SQL
# Exact quantiles and counts of distinct values keep the values in memory.
EXACT_ROWS = 1_000_000
EXACT_DISTINCT = 100_000
EXACT_QUANTILES = 25_000_000  # values in one query
# From this many, texts that are stored as codes are counted once for each different one, in a query a column.
MANY_ROWS = 50_000
TOP, MAX_TOP_DISTINCT = 10, 100_000
FEW_INTEGERS = 50  # integers with so few values have `top` too: they can be categories
MAX_LENGTH = 200  # a column with longer texts is prose: its values are not counted
BINS = 20
GROUP = 50  # columns in one query
WIDE = 200  # columns of a table whose measures are in the same queries
GROUP_CELLS = 8_000_000  # in memory at once
HUGE = 1e100  # the squares of larger numbers overflow
NUMBER = r"'^\s*[+-]?(\d[\d.,'' ]*|[.,]\d+)([eE][+-]?\d+)?\s*%?\s*$'"  # in SQL
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
    few = max(min(GROUP, EXACT_QUANTILES // max(copy.rows, 1)), 1)
    steps = [(_measure_by_place, WIDE)] if len(profiles) >= WIDE and copy.rows <= MANY_ROWS else []
    steps += [(_count, GROUP), (_count_values, GROUP), (_measure, few), (_draw, GROUP)]
    for number, (step, width) in enumerate(steps):
        for start in range(0, len(profiles), width):
            step(copy, dict(enumerate(profiles[start : start + width], start)))
            if progress:
                progress((number + min(start + width, len(profiles)) / len(profiles)) / len(steps))
    for place, one in enumerate(profiles):
        _as_json(one)
        if one["type"] == "integer":
            one["is_monotonic"] = _is_monotonic(sample.column(place))
        one["role"] = getattr(columns[place], "role", None) or roles.role(one, rows=copy.rows)
    return profiles


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


def _measure_by_place(copy: TypedCopy, group: dict[int, dict]) -> None:
    """Add to the measures of a group what _count() and _measure() add, in a few queries for all of them."""
    for types, kind in ((("number",), pa.float64()), (("integer", "date"), pa.int64())):
        number = "CASE WHEN isfinite(v) THEN v END" if kind == pa.float64() else "v"
        for names, expressions in (
            (("count", "min", "max"), f"count(v), min({number}), max({number})"),
            (
                ("mean", "quantiles", "deviation"),
                f"avg({number}), quantile_cont({number}, {POINTS}), stddev_samp({number})",
            ),
        ):
            places = [
                place
                for place, one in group.items()
                if one["type"] in types
                and ("count" in names or (one["min"] is not None and _size(one) <= HUGE))
            ]
            statement = f"SELECT place, {expressions} FROM t GROUP BY place"  # noqa: S608
            for place, *values in (
                sql.query_by_place(copy, statement, places=places, kind=kind) if places else ()
            ):
                group[place].update(zip(names, values, strict=True))
    for one in group.values():
        if one["type"] == "date":
            one["deviation"] = None


def _count(copy: TypedCopy, group: dict[int, dict]) -> None:
    def expressions(place: int, one: dict) -> dict[str, str]:
        if "count" in one:
            return {}
        column = sql.name(place)
        counts = {"count": f"count({column})"}
        if copy.rows > EXACT_ROWS:
            counts["distinct"] = f"approx_count_distinct({column})"
        if one["type"] in MEASURES:
            number = value(place, one["type"])
            return counts | {"min": f"min({number})", "max": f"max({number})"}
        if one["type"] == "boolean":
            return counts
        return counts | {
            "max_length": f"max(length({column}))",
            "mean_length": f"avg(length({column}))",
            "mean_words": f"avg(length({column}) - length(replace({column}, ' ', ''))) + 1",
            "numeric": f"count(*) FILTER (WHERE regexp_matches({column}, {NUMBER}))",
        }

    for place, one in group.items():
        if pa.types.is_dictionary(copy.schema.field(place).type):
            _count_few_texts(copy, place, one)
    _query(copy, group, expressions)
    for one in group.values():
        one["missing"] = copy.rows - one["count"]


def _count_few_texts(copy: TypedCopy, place: int, one: dict) -> None:
    """All that is counted in a column of texts, from each different one and its number of rows."""
    statement = (
        f"WITH texts AS MATERIALIZED (SELECT {sql.name(place)} AS v, count(*) AS n FROM t "  # noqa: S608
        "WHERE v IS NOT NULL GROUP BY v) "
        "SELECT count(*), coalesce(sum(n), 0)::BIGINT, max(length(v)), sum(length(v) * n) / sum(n), "
        "sum((length(v) - length(replace(v, ' ', ''))) * n) / sum(n) + 1, "
        f"coalesce(sum(n) FILTER (WHERE regexp_matches(v, {NUMBER})), 0)::BIGINT, "
        f"(SELECT list([v, n::VARCHAR]) FROM (SELECT v, n FROM texts ORDER BY n DESC, v LIMIT {TOP})) FROM texts"
    )
    [row] = sql.query(copy, statement, places=[place])
    names = ("distinct", "count", "max_length", "mean_length", "mean_words", "numeric", "top")
    one.update(zip(names, row, strict=True), is_estimated=False)
    one["top"] = [[text, int(count)] for text, count in one["top"] or []] if _has_top(one) else None


def _count_values(copy: TypedCopy, group: dict[int, dict]) -> None:
    """Add the exact numbers of distinct values, and the most frequent ones."""
    if copy.rows > EXACT_ROWS:
        for place, one in group.items():
            if "is_estimated" in one:
                continue
            one["distinct"] = min(one["distinct"], one["count"])
            one["is_estimated"] = one["distinct"] > EXACT_DISTINCT
            if not one["is_estimated"]:
                _query(
                    copy, {place: one}, lambda place, one: {"distinct": f"count(DISTINCT {sql.name(place)})"}
                )
            if _has_top(one):
                one["top"] = top(copy, place)
        return
    # DuckDB needs milliseconds to count the values of a column of few rows: minutes for the widest tables.
    width = max(GROUP_CELLS // max(copy.rows, 1), 1)
    profiles = [one for one in group.values() if "is_estimated" not in one]
    for start in range(0, len(profiles), width):
        some = profiles[start : start + width]
        table = pa.Table.from_batches(copy.batches([one["name"] for one in some]))
        for one, values in zip(some, table.columns, strict=True):
            one["distinct"] = pc.count_distinct(values).as_py()  # without missing ones
            one["is_estimated"] = False
            if _has_top(one):
                one["top"] = _top(values)


def _has_top(one: dict) -> bool:
    if one["type"] == "text":
        return 0 < (one["max_length"] or 0) <= MAX_LENGTH and one["distinct"] <= MAX_TOP_DISTINCT
    return one["type"] == "boolean" or (one["type"] == "integer" and one["distinct"] <= FEW_INTEGERS)


def _top(values: pa.ChunkedArray) -> list[list]:
    found = pc.value_counts(values.drop_null())
    table = pa.table({"value": found.field(0), "count": found.field(1)})
    order = pc.sort_indices(table, [("count", "descending"), ("value", "ascending")])
    return [list(row.values()) for row in table.take(order[:TOP]).to_pylist()]


def _measure(copy: TypedCopy, group: dict[int, dict]) -> None:
    def expressions(place: int, one: dict) -> dict[str, str]:
        if one["min"] is None or one["mean"] is not None:
            return {}
        number, kind = value(place, one["type"]), one["type"]
        if (size := _size(one)) > HUGE:
            number = f"({number}) / {size!r}"
        quantile = "quantile_cont" if copy.rows <= EXACT_QUANTILES else "approx_quantile"
        wanted = {"mean": f"avg({number})", "quantiles": f"{quantile}({number}, {POINTS})"}
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
    counts = [np.zeros(_bins(one), "int64") for one in drawn]
    batches = copy.batches([one["name"] for one in drawn]) if drawn else ()
    for batch in batches:
        for one, count, values in zip(drawn, counts, batch.columns, strict=True):
            kind = pa.float64() if one["type"] == "number" else pa.int64()
            places = _bin_places(values.drop_null().cast(kind).to_numpy(), one, len(count))
            count += np.bincount(places, minlength=len(count))
    for one, count in zip(drawn, counts, strict=True):
        one["histogram"] = {"low": one["min"], "high": one["max"], "counts": count.tolist()}


def _bin_places(numbers: np.ndarray, one: dict, bins: int) -> np.ndarray:
    """The bin of each finite number."""
    numbers = numbers[np.isfinite(numbers)]
    # Halves do not overflow.
    low, high = one["min"] / 2, (one["max"] + (one["type"] == "integer")) / 2
    shares = (numbers / 2 - low) / (high - low) if high > low else np.zeros(len(numbers))
    return np.clip(np.floor(shares * bins), 0, bins - 1).astype("int64")


def _bins(one: dict) -> int:
    if one["min"] == one["max"]:
        return 1
    return min(BINS, one["max"] - one["min"] + 1) if one["type"] == "integer" else BINS


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
