"""Ingested tables for the tests of the profile."""

import io
import json

import pyarrow as pa

from catalog.profiling.ingest import Content, ingest
from catalog.profiling.typed_copy import TypedCopy
from catalog.readers import tables


def ingested(content: str | bytes, filename: str = "table.csv", **options) -> Content:
    file = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return ingest(file, tables.detect(file, filename).recipe, copy=io.BytesIO(), **options)


def typed_copy(content: str | bytes, filename: str = "table.csv") -> TypedCopy:
    file, copy = io.BytesIO(content if isinstance(content, bytes) else content.encode()), io.BytesIO()
    ingest(file, tables.detect(file, filename).recipe, copy=copy)
    return TypedCopy(copy)


def profile(content: str | bytes, filename: str = "table.csv") -> dict[str, dict]:
    """The profile of each column by name, through JSON as it is stored."""
    result = ingested(content, filename).profile
    return {column["name"]: column for column in json.loads(json.dumps(result, allow_nan=False))}


def warnings(content: str | bytes) -> dict[str, str]:
    """The sentence of each warning by its code."""
    return {warning.code: warning.sentence for warning in ingested(content).warnings}


def csv(**columns) -> str:
    """A CSV of these columns, None where a value is missing."""
    table = pa.table(columns)
    rows = [
        ",".join(map(str, columns)),
        *(",".join("" if v is None else str(v) for v in row.values()) for row in table.to_pylist()),
    ]
    return "\n".join(rows) + "\n"
