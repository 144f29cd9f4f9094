"""PostgreSQL as Django speaks to it, but a web process does not wait for ever for a server that says nothing.

No setting of libpq or of the server ends such a wait: the kernel of a server that hangs goes on acknowledging.
"""

import time

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg.errors import _WaitTimeout

from mlplatform.resilience import circuit_breaker


class Connection(psycopg.Connection):
    def wait(self, gen, interval=0.1, timeout=None):
        if timeout is not None or not circuit_breaker.is_enabled():
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, circuit_breaker.FIRST_S)
        except _WaitTimeout:
            if not (circuit_breaker.uses_short_timeout() or circuit_breaker.database.is_open):
                return self._wait_longer(gen, interval)
            raise self._given_up() from None

    def _wait_longer(self, gen, interval):
        try:
            return super().wait(gen, interval, circuit_breaker.LONGEST_S - circuit_breaker.FIRST_S)
        except _WaitTimeout:
            raise self._given_up() from None

    def _given_up(self) -> psycopg.OperationalError:
        circuit_breaker.database.ended(in_time=False)
        self.close()  # its answer may still come, and would be taken for that of the next statement
        return psycopg.OperationalError("the server does not answer")


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        self.isolation_level = IsolationLevel.READ_COMMITTED
        if not circuit_breaker.database.admits():
            raise psycopg.OperationalError("the server did not answer a moment ago")
        start = time.monotonic()
        try:
            return Connection.connect(**conn_params)
        finally:
            circuit_breaker.database.ended(in_time=time.monotonic() - start < circuit_breaker.FIRST_S)

    def is_usable(self):
        """Django asks before the first statement of a request: whoever answers is silent no more."""
        answers = super().is_usable()
        if answers:
            circuit_breaker.database.ended(in_time=True)
        return answers
