"""What a query may be: hostile ones are refused before DuckDB runs them, and those of data scientists are not."""

import pytest
from django.core.exceptions import ValidationError

from catalog.derivation import engine, functions, messages, syntax
from catalog.derivation.engine import Table

COLUMNS = [
    {"name": "species", "type": "text"},
    {"name": "mass", "type": "number"},
    {"name": "year", "type": "integer"},
    {"name": "seen", "type": "date"},
    {"name": "is_adult", "type": "boolean"},
]
HOSTILE = [
    # files and the network
    "SELECT * FROM 'data.csv', penguins",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('https://example.org/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/*.parquet')",
    "SELECT * FROM parquet_scan('x.parquet')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM read_json('x.json')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_duckdb('x.db')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT (SELECT count(*) FROM glob('/*')) FROM penguins",
    "SELECT * FROM penguins WHERE species IN (SELECT content FROM read_text('/etc/hostname'))",
    "WITH x AS (SELECT * FROM read_text('/etc/hostname')) SELECT * FROM x",
    "SELECT * FROM penguins JOIN LATERAL (SELECT * FROM glob('/*')) ON true",
    "FROM (PIVOT (FROM read_text('/etc/hostname')) ON filename IN ('a') USING count(*))",
    # statements
    "COPY penguins TO '/tmp/x.csv'",
    "COPY (SELECT 1) TO 's3://bucket/x.parquet'",
    "ATTACH '/tmp/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "RESET memory_limit",
    "PRAGMA database_size",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CREATE TABLE x AS SELECT * FROM range(100000000000)",
    "CREATE MACRO f(a) AS a",
    "CREATE SECRET s (TYPE s3)",
    "DROP TABLE penguins",
    "INSERT INTO penguins SELECT * FROM penguins",
    "UPDATE penguins SET mass = 1",
    "DELETE FROM penguins",
    "EXPLAIN ANALYZE SELECT * FROM penguins",
    "EXPORT DATABASE '/tmp/x'",
    "PREPARE q AS SELECT 1",
    "EXECUTE q",
    "CHECKPOINT",
    "VACUUM",
    "USE memory",
    "BEGIN",
    "SELECT * FROM penguins; DROP TABLE penguins",
    "SELECT 1; SELECT 2",
    "SHOW TABLES",
    "DESCRIBE penguins",
    "SUMMARIZE penguins",
    "SELECT * FROM (DESCRIBE penguins)",
    "SELECT * FROM (SHOW ALL TABLES)",
    # DuckDB itself: settings, catalog, logs, secrets, SQL in texts
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_functions()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM pragma_table_info('penguins')",
    "SELECT * FROM main.penguins",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM memory.main.penguins",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('penguins')",
    "SELECT * FROM json_execute_serialized_sql('{}')",
    "SELECT * FROM enable_logging()",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT * FROM test_all_types()",
    "SELECT * FROM seq_scan('penguins')",
    "SELECT * FROM histogram_values(penguins, species)",
    "SELECT getenv('HOME') FROM penguins",
    "SELECT current_setting('temp_directory') FROM penguins",
    "SELECT getvariable('x') FROM penguins",
    "SELECT current_query() FROM penguins",
    "SELECT json_serialize_plan('SELECT 1') FROM penguins",
    "SELECT write_log('x') FROM penguins",
    "SELECT sleep_ms(100000) FROM penguins",
    "SELECT pg_sleep(100) FROM penguins",
    "SELECT nextval('x') FROM penguins",
    "SELECT x.read_text('y') FROM penguins",
    "SELECT sum(mass) OVER (ORDER BY current_setting('threads')) FROM penguins",
    "SELECT list_transform([1], lambda x: getenv('HOME')) FROM penguins",
    "SELECT mass FROM penguins ORDER BY current_setting('threads')",
    "SELECT mass FROM penguins LIMIT (SELECT count(*) FROM duckdb_settings())",
    "SELECT * FROM penguins AT (VERSION => 3)",
    # names that DuckDB looks up where they are not defined
    "WITH RECURSIVE sqlite_master AS (FROM sqlite_master UNION ALL FROM sqlite_master) FROM sqlite_master, penguins",
    "WITH RECURSIVE pg_settings AS (FROM pg_settings UNION FROM pg_settings) SELECT * FROM penguins, pg_settings",
    "WITH RECURSIVE duckdb_views AS ((WITH x AS (FROM duckdb_views) FROM x) UNION SELECT 1) FROM duckdb_views",
    "WITH x AS (WITH sqlite_master AS (SELECT 1) FROM sqlite_master) SELECT * FROM x, pg_settings, penguins",
    "SELECT sum(mass) OVER w FROM penguins WINDOW w AS (ORDER BY (SELECT count(*) FROM sqlite_master))",
    # values that nobody sends
    "SELECT ? FROM penguins",
    "SELECT $1 FROM penguins",
    "",
    "   ",
    "-- nothing",
    "SELECT 1\0",
    "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "SELECT " + "-" * 20 + " 'x' FROM " + "penguins, " * 10_000 + "penguins",
]
USUAL = [
    "SELECT * FROM penguins",
    "FROM penguins",
    'SELECT species, avg(mass) AS m FROM "penguins@3" GROUP BY ALL HAVING count(*) > 1 ORDER BY m DESC LIMIT 3',
    "SELECT * EXCLUDE (seen) REPLACE (year + 1 AS year) FROM penguins",
    "SELECT a.species, b.mass FROM penguins a LEFT JOIN \"penguins@3\" b USING (species, year)",
    "WITH x AS (SELECT * FROM penguins), y AS (FROM x) SELECT x.mass FROM x, y WHERE x.year = y.year",
    "WITH RECURSIVE x AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM x WHERE a < 3) SELECT a FROM x, penguins",
    "SELECT mass, row_number() OVER w AS n, lag(mass, 1) OVER w AS l FROM penguins WINDOW w AS (ORDER BY year)",
    "SELECT median(mass) OVER (PARTITION BY species) AS m FROM penguins QUALIFY m > 1",
    "SELECT CASE WHEN is_adult THEN 'a' ELSE 'b' END AS a, coalesce(species, '?') AS b FROM penguins",
    "SELECT CAST(mass AS DECIMAL(8, 2)) AS a, TRY_CAST(species AS INTEGER) AS b, year::VARCHAR AS c FROM penguins",
    "SELECT date_trunc('month', seen) AS a, seen + INTERVAL 1 DAY AS b, extract(year FROM seen) AS c FROM penguins",
    "SELECT species LIKE 'A%' AS a, species ~ '^A' AS b, species || '!' AS c, upper(species) AS d FROM penguins",
    "SELECT species NOT LIKE '50!%' ESCAPE '!' AS a, species SIMILAR TO 'A.*' AS b FROM penguins",
    "FROM (PIVOT penguins ON species IN ('a', 'b') USING sum(mass) GROUP BY year)",
    "FROM (UNPIVOT (SELECT mass, year::DOUBLE AS year FROM penguins) ON mass, year)",
    "SELECT i FROM penguins, range(3) AS r(i)",
    "SELECT unnest([1, 2]) AS a FROM penguins",
    "SELECT list_transform([mass], lambda x: x + 1)[1] AS a, {'b': year}.b AS b FROM penguins",
    "SELECT mass FROM penguins UNION ALL BY NAME SELECT year, mass FROM penguins",
    "SELECT mass FROM penguins WHERE EXISTS (SELECT 1 FROM penguins) AND year IN (SELECT year FROM penguins)",
    "SELECT species, count(*) FILTER (WHERE is_adult) AS n FROM penguins GROUP BY ROLLUP (species)",
    "SELECT DISTINCT ON (species) * FROM penguins ORDER BY species, year",
    "SELECT COLUMNS('m.*') FROM penguins",
    "(SELECT mass FROM penguins) EXCEPT (SELECT mass FROM penguins) -- a comment;",
    "SELECT mass FROM penguins;",
]  # fmt: skip


@pytest.fixture(scope="module")
def connection():
    tables = {"penguins": Table(COLUMNS), "penguins@3": Table(COLUMNS)}
    with engine.database(tables, memory_mb=200) as opened:
        yield opened


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: sql[:60].replace("\0", ""))
def test_a_hostile_query_is_refused_or_reads_no_dataset(connection, sql):
    try:
        query = syntax.parse(connection, sql)
    except ValidationError as error:
        assert error.message_dict.keys() == {"sql"}
        return
    # A name that is no dataset: the operation refuses it, since it is not a reference.
    others = set(query.tables) - {"penguins"}
    assert others in ({"data.csv"}, {"/etc/passwd"}, {"sqlite_master"}, {"pg_settings"})


@pytest.mark.parametrize("sql", USUAL)
def test_a_usual_query_is_accepted_and_has_columns(connection, sql):
    query = syntax.parse(connection, sql)
    assert set(query.tables) <= {"penguins", "penguins@3"}
    columns = engine.columns(connection, query)
    assert [batch.num_rows for batch in engine.batches(connection, query, columns)] in ([], [0], [1])


def test_the_name_of_a_common_table_expression_is_no_dataset_where_it_is_defined(connection):
    inside = "WITH duckdb_settings AS (SELECT 1 AS a) SELECT * FROM penguins, duckdb_settings"
    assert list(syntax.parse(connection, inside).tables) == ["penguins"]
    outside = "SELECT * FROM duckdb_settings, (WITH duckdb_settings AS (SELECT 1) FROM duckdb_settings)"
    assert list(syntax.parse(connection, outside).tables) == ["duckdb_settings"]
    for kind in ("", "RECURSIVE"):
        of_itself = f"WITH {kind} penguins AS (FROM penguins UNION ALL FROM penguins) FROM penguins"
        assert list(syntax.parse(connection, of_itself).tables) == ["penguins"]


@pytest.mark.parametrize(
    ("sql", "is_volatile"),
    [
        ("SELECT random() AS r FROM penguins", True),
        ("SELECT current_date AS d FROM penguins", True),
        ("SELECT * FROM penguins WHERE seen > now()", True),
        ("SELECT * FROM penguins USING SAMPLE 10%", True),
        ("SELECT * FROM penguins TABLESAMPLE reservoir(3 ROWS) REPEATABLE (42)", False),
        ("SELECT age(seen, seen) AS a FROM penguins", False),
        ("SELECT mass FROM penguins", False),
    ],
)
def test_chance_and_the_clock_are_found(connection, sql, is_volatile):
    assert syntax.parse(connection, sql).is_volatile == is_volatile


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT\n specie FROM penguins", "Line 2: no column is named `specie`. Did you mean `species`"),
        ("SELECT p.mas FROM penguins p", "Line 1: no column is named `mas`. Did you mean `mass`"),
        ("SELECT q.mass FROM penguins p", "Line 1: FROM has no table `q`. Did you mean `p`?"),
        ("SELECT medain(mass) FROM penguins", "function `medain` cannot be used here. Did you mean `median`?"),
        *((f"SELECT {other}(mass) FROM penguins", f"`{other}` cannot be used here. DuckDB has `{ours}`.")
          for other, ours in functions.ELSEWHERE.items()),
        ("SELECT FROM penguins WHERE", "Line 1: syntax error"),
        ("SELECT * FROM penguins@3", 'Line 1: quote the name of a version, as in `FROM "penguins@3"`.'),
        ("SELECT species, year FROM penguins GROUP BY species", "Line 1: column `year` must appear in the GROUP BY"),
        ("SELECT mass, mass FROM penguins", "Duplicate column names: `mass`."),
        ("SELECT [mass] AS a FROM penguins", "The column `a` is of the type LIST"),
        ("SELECT seen - seen AS a FROM penguins", "Use `epoch` for its seconds."),
        ("DROP TABLE penguins", "Only a SELECT can run here; this is a DROP statement."),
        ("PIVOT penguins ON species", "PIVOT needs the values that become columns"),
        ("SELECT (SELECT unnest([1, 2])) AS a FROM range(1)", "can only return a single row."),
        ("SELECT 'x'::INTEGER AS a FROM range(1)", "Could not convert string 'x' to INT32."),
    ],
)  # fmt: skip
def test_an_error_is_a_sentence_with_its_line(connection, sql, sentence):
    with pytest.raises(ValidationError) as raised:
        query = syntax.parse(connection, sql)
        list(engine.batches(connection, query, engine.columns(connection, query)))
    assert sentence in raised.value.message_dict["sql"][0]


def test_names_that_differ_in_capitals_are_numbered_in_an_empty_table_as_in_a_file(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "env=prod" / "x.parquet"  # which has no column `env`
    path.parent.mkdir()
    pq.write_table(pa.table({"a": [1], "A": [2]}), path)
    columns = [{"name": "a", "type": "integer"}, {"name": "A", "type": "integer"}]
    for table in (Table(columns), Table(columns, str(path))):
        with engine.database({"x": table}, memory_mb=100) as connection:
            found = engine.columns(connection, syntax.parse(connection, "FROM x"))
        assert [column.name for column in found] == ["a", "A_1"]


def test_what_is_named_for_a_function_of_another_database_can_be_used():
    assert set(functions.ELSEWHERE.values()) <= functions.FUNCTIONS


def test_the_database_reads_nothing_but_its_tables_even_if_a_query_is_not_checked(tmp_path):
    import duckdb

    (tmp_path / "secret.csv").write_text("a\n1\n")
    with engine.database({"penguins": Table(COLUMNS)}, memory_mb=100) as connection:
        for sql in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/x.db'",
            "SET memory_limit = '10GB'",
            "LOAD httpfs",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_an_error_of_files_names_no_path():
    failure = OSError('IO Error: Could not write file "/tmp/x": No space left on device')
    error = messages.of_duckdb(failure, is_running=True)
    assert (error.status, "/tmp" in error.message) == (503, False)
    assert (
        messages.of_duckdb(OSError("Invalid Input Error: Arrow Appender: too much"), is_running=True).status
        == 413
    )
