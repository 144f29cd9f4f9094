"""The rows of a platform's database, read and changed past the platform."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg


class DatabaseRows:
    """A part of Platform, whose `env` and `data` say where the database is."""

    def sql(self, *queries: str) -> list[tuple]:
        """The rows of the last query; all queries are one transaction."""
        with self.connected() as sql:
            return sql(*queries)

    @contextmanager
    def connected(self) -> Iterator[Callable[..., list[tuple]]]:
        """sql() on one connection, for a test that polls: PostgreSQL starts a process for each."""
        if url := self.env.get("DATABASE_URL"):
            with psycopg.connect(url) as connection:

                def sql(*queries: str) -> list[tuple]:
                    with connection.transaction():
                        cursor = [connection.execute(query) for query in queries][-1]
                        return cursor.fetchall() if cursor.description else []

                yield sql
            return
        with closing(sqlite3.connect(self.data / "ml_registry.db", timeout=20)) as connection:

            def sql(*queries: str) -> list[tuple]:
                with connection:
                    return [connection.execute(query).fetchall() for query in queries][-1]

            yield sql

    def row_counts(self) -> dict[str, int]:
        """The rows of every table that an operation writes."""
        tables = (
            "catalog_dataset", "catalog_datasetversion", "registry_modelversion", "registry_release",
            "registry_trainingjob",
        )  # fmt: skip
        return {table: self.sql(f"SELECT count(*) FROM {table}")[0][0] for table in tables}

    def live_versions(self, dataset: str, stage: str) -> list[int]:
        """The numbers of the versions that are live in a stage."""
        rows = self.sql(
            "SELECT m.number FROM registry_release r JOIN registry_modelversion m ON m.id = r.model_version_id "
            "JOIN catalog_dataset d ON d.id = r.dataset_id "
            f"WHERE d.name = '{dataset}' AND r.stage = '{stage}' AND r.ended_at IS NULL"
        )
        return [number for (number,) in rows]

    def numbers(self, dataset: str, table: str = "registry_modelversion") -> list[int]:
        """The version numbers of a dataset's models, or with another table of its files, in order."""
        rows = self.sql(
            f"SELECT v.number FROM {table} v JOIN catalog_dataset d ON d.id = v.dataset_id "
            f"WHERE d.name = '{dataset}' ORDER BY v.number"
        )
        return [number for (number,) in rows]
