"""A connection of a web process gives up on a server that does not respond, and on nothing else."""

import psycopg
import pytest

from mlplatform.postgres.base import Connection
from mlplatform.resilience import circuit_breaker
from mlplatform.resilience.circuit_breaker import SHORT_TIMEOUT_S, CircuitBreaker

LONGER_S = SHORT_TIMEOUT_S + 0.2
FAILS_LATE = f"DO $$ BEGIN PERFORM pg_sleep({LONGER_S}); RAISE EXCEPTION USING ERRCODE = '{{}}'; END $$"


@pytest.fixture
def connection(postgres):
    with Connection.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.breaker = CircuitBreaker(is_enabled=True)
        yield connection


def test_a_statement_that_exceeds_the_short_timeout_closes_its_connection_and_opens_the_breaker(connection):
    with circuit_breaker.short_timeout(), pytest.raises(psycopg.OperationalError, match="not responding"):
        connection.execute("SELECT pg_sleep(60)")
    assert connection.closed
    assert connection.breaker.is_open


def test_a_statement_without_a_short_timeout_may_take_longer(connection):
    assert connection.execute(f"SELECT 7 FROM pg_sleep({LONGER_S})").fetchone() == (7,)
    assert not connection.breaker.is_open


@pytest.mark.parametrize("sqlstate", ["53100", "22023"], ids=["operational error", "data error"])
def test_an_error_that_the_server_sends_late_is_no_timeout(connection, sqlstate):
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(FAILS_LATE.format(sqlstate))
    assert caught.value.sqlstate == sqlstate
    assert not connection.closed
    assert not connection.breaker.is_open


def test_a_lost_connection_is_no_timeout(connection, postgres):
    victim = connection.info.backend_pid
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
        other.execute(f"SELECT pg_terminate_backend({victim})")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    assert connection.closed
    assert not connection.breaker.is_open


def test_a_process_without_the_breaker_waits_as_long_as_it_takes(connection):
    connection.breaker = CircuitBreaker()
    with circuit_breaker.short_timeout():
        assert connection.execute(f"SELECT 7 FROM pg_sleep({LONGER_S})").fetchone() == (7,)
