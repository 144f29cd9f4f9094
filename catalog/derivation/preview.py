"""What a query would return: its columns and first rows, or what is wrong with it; a child process finds it out."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from catalog.derivation import engine, inputs, syntax
from catalog.derivation.engine import Table
from catalog.derivation.inputs import Reads, StoredTable
from catalog.derivation.syntax import Query
from catalog.exploration.json_cells import json_rows
from catalog.models import DatasetVersion
from mlplatform.errors import NotReady, TooLarge
from mlplatform.jobs.children import calls

ROWS = 20
ROWS_S = 2
DESCRIBE_S = 10  # most take 0.2 s
MEMORY_MB, QUERY_MB = 1024, 512
MAX_TRANSFER = 32 * 1024**2  # from S3
logger = logging.getLogger(__name__)
turns = calls.Turns(at_once=2, wait_s=5, purpose="check the query", busy="checking other queries")


@dataclass(frozen=True)
class Preview:
    """The query with its inputs, by their references, and its columns; `rows` is None if they take too long."""

    query: Query
    inputs: dict[str, DatasetVersion]
    columns: list[dict]
    rows: list[list] | None

    @property
    def reads(self) -> Reads:
        """What the query reads at most: DuckDB leaves out columns, and parts of files, that it does not need."""
        return inputs.reads(self.inputs.values())


def preview(sql: str, *, with_rows: bool = True, by) -> Preview:
    """Check a query, and run it for at most two seconds for its first 20 rows.

    Raises ValidationError for the field `sql`, and NotReady if the server is busy.
    """
    syntax.check_length(sql)
    found = inputs.find(inputs.candidates(sql), by=by)
    tables = {reference: StoredTable.of(version) for reference, version in found.items() if version.has_table}
    with turns.child(f"{__name__}.run", sql=sql, tables=tables, with_rows=with_rows) as child:
        try:
            query = calls.result(child, DESCRIBE_S)
            described = query and _described(child, Query(**query), found)
            if described is None:
                raise NotReady("The server is busy. Try again in a moment.", code="timeout")
            if not with_rows:
                return described
            answer = calls.result(child, ROWS_S)
        except calls.ChildDied as death:
            logger.error("checking a query ended with %s: %s", death, child.log)
            raise NotReady(
                "The query could not be checked, and the error has been logged.", code="process_died"
            ) from death
    return Preview(described.query, described.inputs, described.columns, answer and answer["rows"])


def _described(child, query: Query, found: dict[str, DatasetVersion]) -> Preview | None:
    inputs.check(query.tables, found)
    versions = {reference: found[reference] for reference in query.tables}
    for version in versions.values():
        StoredTable.of(version)
    columns = calls.result(child, DESCRIBE_S)
    return columns and Preview(query, versions, columns["columns"], None)


def run(*, sql: str, tables: dict[str, StoredTable], with_rows: bool) -> Iterator[dict]:
    """What the child process runs. Yields the query, its columns, and its first rows."""
    busy = TooLarge(
        "The query needs too much memory to be checked. Write it in fewer parts.", code="out_of_memory"
    )
    yield from calls.results(_answers(sql, tables, with_rows), memory_mb=MEMORY_MB, out_of_memory=busy)


def _answers(sql, tables, with_rows):
    with engine.database({}, memory_mb=QUERY_MB) as connection:
        query = syntax.parse(connection, sql)
    yield vars(query)
    used = {reference: tables[reference] for reference in query.tables if reference in tables}
    if len(used) < len(query.tables):  # the client knows why
        return
    empty = {reference: Table(table.columns) for reference, table in used.items()}
    with engine.database(empty, memory_mb=QUERY_MB) as connection:
        columns = engine.columns(connection, query)
    yield {"columns": [column.to_dict() for column in columns]}
    if with_rows:
        yield {"rows": _first_rows(query, used, columns)}


def _first_rows(query, tables, columns) -> list[list] | None:
    """None if they need more memory, or a transfer of large files."""
    if not inputs.are_near(tables, MAX_TRANSFER):
        return None
    try:
        with inputs.opened(tables) as local, engine.database(local, memory_mb=QUERY_MB) as connection:
            found = list(engine.batches(connection, query, columns, rows=ROWS))
    except (TooLarge, MemoryError):
        return None
    return json_rows(pa.Table.from_batches(found)) if found else []
