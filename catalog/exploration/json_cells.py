"""Typed rows as JSON values."""

import math
from datetime import datetime

import pyarrow as pa


def json_rows(table: pa.Table) -> list[list]:
    """The rows as lists of JSON values; dates as ISO texts."""
    columns = [_values(column) for column in table.columns]
    return [[_json(value) for value in row] for row in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list:
    """Dates that Python does not have, such as of the year 20000, are texts."""
    try:
        return column.to_pylist()
    except (OverflowError, ValueError):
        texts = column.cast(pa.string()).to_pylist()
        return [
            text and text.replace(" ", "T").removesuffix(".000000").removesuffix("T00:00:00")
            for text in texts
        ]


def _json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().removesuffix("T00:00:00")
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
