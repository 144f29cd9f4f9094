"""SQL over a typed copy, by DuckDB: locked down, in bounded memory, and without the names of the columns.

Importing DuckDB takes 0.3 s and its queries use every core: only child processes and jobs run them.
"""

import contextlib
import functools
import os
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from catalog.profiling.typed_copy import TypedCopy

MEMORY_MB = 512
MAX_THREADS = 4
BATCH_ROWS = 64 * 1024


@functools.cache
def _database():
    """One database in memory for this process. It can read nothing but the batches that it is given."""
    import duckdb

    database = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{MEMORY_MB}MB",
            "threads": int(os.environ.get("OMP_NUM_THREADS", 0)) or min(os.cpu_count() or 1, MAX_THREADS),
            "temp_directory": "",  # a query that does not fit fails instead of filling the disk
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
        },
    )
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def name(place: int) -> str:
    """The name in SQL of the column at this place of the table: names of users never become SQL."""
    return f"c{place}"


def query(copy: TypedCopy, sql: str, *, places: Sequence[int], parameters: Sequence = ()) -> list[tuple]:
    """The rows of a query of the table `t`, which has these columns of the copy, each as `name(place)`."""
    with _cursor(copy, places) as cursor:
        return cursor.execute(sql, list(parameters)).fetchall()


def positions(
    copy: TypedCopy, condition: str, *, places: Sequence[int], parameters: Sequence = ()
) -> Iterator[np.ndarray]:
    """Yields the positions of the rows that meet a condition on these columns, in any order."""
    with _cursor(copy, places) as cursor:
        statement = f"SELECT position FROM t WHERE {condition}"  # noqa: S608 - the values are parameters
        for batch in cursor.sql(statement, params=list(parameters)).to_arrow_reader(BATCH_ROWS):
            yield batch.column(0).to_numpy()


def query_batches(schema: pa.Schema, batches: Iterator[pa.RecordBatch], sql: str) -> pa.Table:
    """The result of a query of the table `t`, which has these batches. Raises MemoryError if it does not fit."""
    import duckdb

    with _registered(schema, batches) as cursor:
        try:
            return cursor.sql(sql).to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise MemoryError(str(error)) from error


@contextlib.contextmanager
def _cursor(copy: TypedCopy, places: Sequence[int]):
    """A cursor with the table `t`: these columns, and the position of each row."""
    fields = [(name(place), copy.schema.field(place).type) for place in places]
    schema = pa.schema([*fields, ("position", pa.int64())])
    with _registered(schema, _batches(copy, places, schema)) as cursor:
        yield cursor


@contextlib.contextmanager
def _registered(schema: pa.Schema, batches: Iterator[pa.RecordBatch]):
    cursor = _database().cursor()
    try:
        cursor.register("t", pa.RecordBatchReader.from_batches(schema, batches))
        yield cursor
    finally:
        cursor.close()


def _batches(copy: TypedCopy, places: Sequence[int], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    start, names = 0, copy.schema.names  # a new list on every access
    for batch in copy.batches([names[place] for place in places]):
        position = pa.array(np.arange(start, start + batch.num_rows))
        start += batch.num_rows
        yield pa.RecordBatch.from_arrays([*batch.columns, position], schema=schema)
