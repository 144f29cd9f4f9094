"""What the preparation of columns needs to know of all training rows, from DuckDB: exact, whatever their number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas
import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.profiling import sql
from registry.training import column_facts, signature
from registry.training.column_facts import PARTS, Facts
from registry.training.out_of_core.row_split import RowSplit
from registry.training.out_of_core.stored_rows import StoredRows

MAX_CATEGORIES = 1_000_000  # of a column, whose table must be in memory
VALUES_AT_ONCE = 40_000_000  # for medians, which hold all values of a column
# The calendar parts of a date in SQL, by their name in pandas.
SQL_PARTS = {
    "dt.year": "year(v)",
    "dt.month": "month(v)",
    "dt.day": "day(v)",
    "dt.day_of_week": "dayofweek(v)",
    "dt.hour": "hour(v)",
}


@dataclass
class ColumnStatistics:
    """`known` are facts for the signature; `categories` has the rows of each value of a text or boolean column, in the
    order of the values, without the rows of none."""

    facts: Facts
    missing: int
    known: dict = field(default_factory=dict)
    categories: pandas.Series | None = None


def of_columns(
    rows: StoredRows,
    inputs: Sequence[dict],
    split: RowSplit,
    sample: pandas.DataFrame,
    *,
    profile: dict[str, dict],
    progress,
) -> dict[str, ColumnStatistics]:
    """The statistics of each input column. Raises ValidationError (infinite_values)."""
    is_train, found = split.mask(rows.count), {}
    for number, column in enumerate(inputs, 1):
        found[column["name"]] = _of_column(rows, column, split, is_train, sample, profile[column["name"]])
        progress(number / len(inputs))
    return found


def _of_column(rows, column, split, is_train, sample, profile) -> ColumnStatistics:
    kind, count = column["type"], len(split.train)
    if kind == "date":
        return _of_dates(rows, column, is_train, count)
    if kind in ("integer", "number"):
        return _of_numbers(rows, column, split, is_train)
    distinct = profile.get("distinct")
    if kind == "text" and (distinct is None or distinct > MAX_CATEGORIES):
        return _of_many_texts(column, sample, profile, count)
    query = "SELECT v, count(*) AS n, min(g) < max(g) AS recurs FROM t GROUP BY v"
    table = _query(rows, column["name"], is_train, query, groups=split.groups).to_pandas()
    table["v"] = table["v"].astype(object)
    missing = int(table.loc[table["v"].isna(), "n"].sum())
    table = table.dropna(subset="v")
    counts = table.set_index("v")["n"].sort_index()
    known = {}
    if kind == "text":
        frequent = counts.sort_values(ascending=False, kind="stable")
        known["categories"] = frequent.index[: signature.MAX_CATEGORIES].tolist()
    filled, distinct = count - missing, len(counts)
    is_prose = kind == "text" and distinct > column_facts.MOSTLY_DISTINCT * filled
    is_prose = is_prose and column_facts.of_values(kind, sample[column["name"]], None).is_prose
    recurs = split.groups is None or not filled or table.loc[table["recurs"], "n"].sum() >= filled / 2
    facts = Facts(kind, filled, distinct, is_prose, recurs=bool(recurs))
    return ColumnStatistics(facts, missing, known, counts)


def _of_many_texts(column: dict, sample: pandas.DataFrame, profile: dict, count: int) -> ColumnStatistics:
    """Of more different texts than are counted: whether they are prose shows in the sample."""
    facts = column_facts.of_values("text", sample[column["name"]], None)
    if not facts.is_prose:
        raise ValidationError(
            f"`{column['name']}` has more than {MAX_CATEGORIES:,} different texts, whose table does not fit in "
            "memory; leave it out.",
            code="invalid_prepare",
        )
    missing = round(count * sample[column["name"]].isna().mean())
    return ColumnStatistics(Facts("text", count - missing, count - missing, True), missing)


def _of_dates(rows, column, is_train, count) -> ColumnStatistics:
    parts = ", ".join(f"count(DISTINCT {SQL_PARTS[part]})" for part in PARTS)
    query = f"SELECT count(v), min(v), max(v), {parts} FROM t"  # noqa: S608 - the parts are ours
    filled, low, high, *distinct = _first_row(_query(rows, column["name"], is_train, query))
    varying = tuple(
        part for part, n in zip(PARTS, distinct, strict=True) if n >= column_facts.MIN_PART_VALUES
    )
    low, high = (pandas.NaT if bound is None else pandas.Timestamp(bound) for bound in (low, high))
    known = {"min": signature.as_json(low, column), "max": signature.as_json(high, column)}
    return ColumnStatistics(Facts("date", filled, filled, parts=varying), count - filled, known)


def _of_numbers(rows, column, split: RowSplit, is_train) -> ColumnStatistics:
    name, count = column["name"], len(split.train)
    query = "SELECT count(v), min(v), max(v), count(*) FILTER (isinf(v)) FROM t"
    filled, low, high, infinite = _first_row(
        _query(rows, name, is_train, query, kind=pa.float64(), as_numbers=True)
    )
    if infinite:
        raise ValidationError(
            f"`{name}` contains infinite values in {infinite:,} row{'' if infinite == 1 else 's'}; remove or replace "
            "them.",
            code="infinite_values",
        )
    missing = count - filled
    tells = False
    if split.y_train is not None and min(missing, filled) >= column_facts.MIN_GAPS:
        tells = _gaps_tell(rows, name, split, is_train)
    low, high = (np.nan if bound is None else bound for bound in (low, high))
    known = {"min": signature.as_json(low, column), "max": signature.as_json(high, column)}
    return ColumnStatistics(Facts(column["type"], filled, filled, gaps_tell=tells), missing, known)


def _gaps_tell(rows: StoredRows, name: str, split: RowSplit, is_train: np.ndarray) -> bool:
    """Whether the target differs in the rows without a value."""
    is_gap = np.zeros(len(split.train), bool)
    start = 0
    for positions, batch in rows.batches([name], is_train):
        is_gap[start : start + len(positions)] = batch.column(0).is_null().to_numpy(zero_copy_only=False)
        start += len(positions)
    y = split.y_train
    if split.classes is None:
        return bool(y.std()) and column_facts.correlation_tells(np.corrcoef(is_gap, y)[0, 1], len(y))
    counts = np.bincount(y, minlength=len(split.classes))
    gaps = np.bincount(y[is_gap], minlength=len(counts))
    return column_facts.counts_tell(counts[counts > 0], gaps[counts > 0])


def _query(rows, name, is_train, query, *, kind=None, as_numbers=False, groups=None) -> pa.Table:
    """A query of the table `t` of the values `v` of a column in the training rows, and their groups `g` if any."""
    kind = kind or rows.copies[0].schema.field(name).type
    schema = pa.schema([("v", kind), ("g", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        start = 0
        for positions, batch in rows.batches([name], is_train):
            column, stop = batch.column(0), start + len(positions)
            column = column.cast(kind, safe=False) if as_numbers else column
            of_rows = pa.nulls(stop - start, pa.int64()) if groups is None else pa.array(groups[start:stop])
            yield pa.RecordBatch.from_arrays([column, of_rows.cast(pa.int64())], schema=schema)
            start = stop

    return sql.query_batches(schema, batches(), query)


def _first_row(table: pa.Table) -> list:
    return [column[0].as_py() for column in table.columns]


def medians(blocks, *, columns: int, rows: int) -> np.ndarray:
    """The median of each column of blocks of floats, without gaps; not a number for one of gaps only.

    `blocks()` yields the blocks again each time it is called.
    """
    step, found = max(VALUES_AT_ONCE // max(rows, 1), 1), []
    for start in range(0, columns, step):
        names = [sql.name(place) for place in range(start, min(start + step, columns))]
        schema = pa.schema([(name, pa.float64()) for name in names])
        expressions = ", ".join(f"median({name})" for name in names)
        query = f"SELECT {expressions} FROM t"  # noqa: S608 - the names are ours
        found += _first_row(sql.query_batches(schema, _as_batches(blocks(), start, schema), query))
    return np.array([np.nan if value is None else value for value in found], dtype=float)


def _as_batches(blocks, start: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        part = np.asarray(block, dtype="float64")[:, start : start + len(schema)]
        arrays = [pa.array(column, from_pandas=True) for column in np.ascontiguousarray(part.T)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
