"""DuckDB over dataset versions: locked down, within limits, and with the types of the catalog.

Importing DuckDB takes 0.3 s, and a query can take all memory that it gets: only child processes and jobs run it.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from django.core.exceptions import ValidationError

from catalog.derivation import messages
from catalog.derivation.syntax import Query
from catalog.readers.cells import column_types
from catalog.readers.cells.column_types import Column

BATCH_ROWS = 4096  # with 100 KB a row, 400 MB, which no limit of DuckDB counts; 64K rows take 10 % less time
MAX_TEXT = 300  # characters of a cell of a preview
SQL_TYPES = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "text": "VARCHAR",
    "date": "TIMESTAMP",
}
# The types of the catalog for those of DuckDB.
KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL", "BIGNUM"), "number"),
    **dict.fromkeys(("VARCHAR", "ENUM", "UUID", "TIME", "TIME WITH TIME ZONE", "JSON"), "text"),
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "date"),
    "TIMESTAMP WITH TIME ZONE": "date",
    "BOOLEAN": "boolean",
    '"NULL"': "number",  # as of a file whose column is empty
}


@dataclass(frozen=True)
class Table:
    """A table of a query: its columns, and the path of its typed copy; without one it is empty.

    Names that differ in capitals only get a number in queries, such as `A_1`: DuckDB takes them for one.
    """

    columns: list[dict]
    path: str | None = None


@contextlib.contextmanager
def database(
    tables: Mapping[str, Table],
    *,
    memory_mb: int,
    spill: str = "",
    spill_mb: int = 0,
    with_progress: bool = False,
) -> Iterator:
    """A connection to a new database in memory that has these tables, and can read nothing else.

    It uses one thread: then the same query over the same tables has its rows in the same order, and its sums are the
    same to the last bit. Measured on 10 million rows, two threads take 10 to 40 % less time and change both. `spill` is
    an empty folder for what does not fit into memory; without one, such a query fails.
    """
    import duckdb

    limits = {"max_temp_directory_size": f"{spill_mb}MB"} if spill else {}
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_mb}MB",
            "threads": 1,
            "preserve_insertion_order": True,
            "temp_directory": spill,
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            **limits,
        },
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if with_progress:
            connection.execute("SET enable_progress_bar = true")
            connection.execute("SET enable_progress_bar_print = false")
        for reference, table in tables.items():
            connection.execute(_definition(reference, table))
        paths = ", ".join(_text(table.path) for table in tables.values() if table.path)
        connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _definition(reference: str, table: Table) -> str:
    if table.path:
        source = f"read_parquet({_text(table.path)}, hive_partitioning = false)"
        return f"CREATE VIEW {quoted(reference)} AS SELECT * FROM {source}"  # noqa: S608
    columns = {quoted(one["name"]): SQL_TYPES[one["type"]] for one in table.columns}
    if len({name.lower() for name in columns}) == len(columns):
        parts = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"CREATE TABLE {quoted(reference)} ({parts})"
    # A table cannot have the columns `a` and `A`: a view numbers them as one of a file does.
    parts = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
    return f"CREATE VIEW {quoted(reference)} AS SELECT {parts} WHERE false"


def quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _text(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def columns(connection, query: Query) -> list[Column]:
    """The columns of the result, without running the query. Raises ValidationError for the field `sql`."""
    import duckdb

    with _errors_of_query():
        try:
            relation = connection.sql(query.sql)
        except duckdb.Error:
            connection.execute(query.sql)  # fails in the same way, and says in which line
            raise
        names, kinds = list(relation.columns), [str(kind) for kind in relation.types]
    try:
        names = column_types.usable_names(names)
    except ValidationError as error:
        raise messages.error(error.messages[0], code=error.code) from error
    return [Column(name, _kind(name, kind), nullable=True) for name, kind in zip(names, kinds, strict=True)]


def _kind(name: str, kind: str) -> str:
    base = "LIST" if kind.endswith("]") else kind.partition("(")[0]
    if base not in KINDS:
        remedy = (
            "Use `epoch` for its seconds" if base == "INTERVAL" else "Select its parts, or cast it to VARCHAR"
        )
        raise messages.error(
            f"The column `{name[:100]}` is of the type {base}, which a dataset cannot have. {remedy}.",
            code="unsupported_column",
        )
    return KINDS[base]


def batches(
    connection, query: Query, columns: Sequence[Column], *, rows: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the result, in the types of the catalog, or its first `rows`, with texts of up to 300 characters.

    Raises ValidationError, and TooLarge.
    """
    # By position: names can contain anything.
    casts = [f"CAST(#{place} AS {SQL_TYPES[column.type]})" for place, column in enumerate(columns, 1)]
    if rows is not None:
        casts = [
            f"left({cast}, {MAX_TEXT})" if column.type == "text" else cast
            for cast, column in zip(casts, columns, strict=True)
        ]
    named = ", ".join(f"{cast} AS {quoted(column.name)}" for cast, column in zip(casts, columns, strict=True))
    schema = pa.schema([(column.name, column_types.ARROW_TYPES[column.type]) for column in columns])
    with _errors_of_query(is_running=True):
        relation = connection.sql(query.sql)
        if rows is not None:
            relation = relation.limit(rows)
        for batch in relation.project(named).to_arrow_reader(BATCH_ROWS):
            yield batch if batch.schema == schema else batch.cast(schema)


@contextlib.contextmanager
def _errors_of_query(*, is_running: bool = False) -> Iterator[None]:
    import duckdb

    try:
        yield
    except (duckdb.Error, OSError) as error:  # the second one from Arrow, after the first batch
        raise messages.of_duckdb(error, is_running=is_running) from error
