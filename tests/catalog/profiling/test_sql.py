"""DuckDB reads nothing but the typed copy."""

import duckdb
import pytest

from catalog.profiling import sql
from tests.catalog.profiling.tables import csv, typed_copy


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/copy'",
        "ATTACH '/tmp/database'",
        "INSTALL httpfs",
        "SET memory_limit = '100GB'",
        "SET enable_external_access = true",
    ],
)
def test_sql_has_no_access_to_files_and_settings(statement):
    with pytest.raises(duckdb.Error, match=r"disabled|[Cc]annot"):
        sql.query(typed_copy(csv(a=[1])), statement, places=[0])


def test_values_are_parameters():
    copy = typed_copy(csv(a=["x' OR '1'='1", "y"]))
    assert sql.query(
        copy, "SELECT count(*) FROM t WHERE c0 = ?", places=[0], parameters=["x' OR '1'='1"]
    ) == [(1,)]
