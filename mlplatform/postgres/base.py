"""Django's PostgreSQL backend with a limit on how long a web process waits for a server that hangs.

No setting of libpq or of the server limits this wait: the kernel of a server that hangs still acknowledges packets.
"""

import time

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel

from mlplatform.resilience import circuit_breaker
from mlplatform.resilience.circuit_breaker import LONG_TIMEOUT_S, SHORT_TIMEOUT_S


class Connection(psycopg.Connection):
    breaker = circuit_breaker.database

    def wait(self, gen, interval=0.1, timeout=None):
        if timeout is not None or not self.breaker.is_enabled:
            return super().wait(gen, interval, timeout)
        try:
            return self._wait_at_most(SHORT_TIMEOUT_S, gen, interval)
        except TimeoutError:
            if circuit_breaker.has_short_timeout() or self.breaker.is_open:
                raise self._timed_out() from None
        try:
            return self._wait_at_most(LONG_TIMEOUT_S - SHORT_TIMEOUT_S, gen, interval)
        except TimeoutError:
            raise self._timed_out() from None

    def _wait_at_most(self, seconds: float, gen, interval):
        """Raises TimeoutError if the server has not responded by then; `gen` can be waited for again."""
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.OperationalError as error:
            # psycopg has no public exception for the timeout. Errors that the server sends have an SQLSTATE, and a
            # lost connection is closed.
            if error.sqlstate is not None or self.closed:
                raise
            raise TimeoutError from error

    def _timed_out(self) -> psycopg.OperationalError:
        self.breaker.record(is_timeout=True)
        self.close()  # a late response would be read as that of the next statement
        return psycopg.OperationalError("the server is not responding")


class DatabaseWrapper(base.DatabaseWrapper):
    breaker = circuit_breaker.database

    def get_new_connection(self, conn_params):
        self.isolation_level = IsolationLevel.READ_COMMITTED
        if not self.breaker.allows_request():
            raise psycopg.OperationalError("the server did not respond a moment ago")
        start = time.monotonic()
        try:
            return Connection.connect(**conn_params)
        finally:
            self.breaker.record(is_timeout=time.monotonic() - start >= SHORT_TIMEOUT_S)

    def is_usable(self):
        """Django checks this before the first statement of a request: a connection that works closes the breaker."""
        usable = super().is_usable()
        if usable:
            self.breaker.record(is_timeout=False)
        return usable
