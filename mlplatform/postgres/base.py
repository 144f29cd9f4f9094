"""PostgreSQL as Django speaks to it, but a web process does not wait for ever for a server that says nothing.

No setting of libpq or of the server ends such a wait: the kernel of a server that hangs goes on acknowledging.
"""

import time

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel
from psycopg.errors import _WaitTimeout

from mlplatform import outages


class Connection(psycopg.Connection):
    def wait(self, gen, interval=0.1, timeout=None):
        if timeout is not None or not outages.gives_up():
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, outages.FIRST_S)
        except _WaitTimeout:
            if not (outages.is_hurried() or outages.database.is_open):
                return self._wait_longer(gen, interval)
            raise self._given_up() from None

    def _wait_longer(self, gen, interval):
        try:
            return super().wait(gen, interval, outages.LONGEST_S - outages.FIRST_S)
        except _WaitTimeout:
            raise self._given_up() from None

    def _given_up(self) -> psycopg.OperationalError:
        outages.database.ended(in_time=False)
        self.close()  # its answer may still come, and would be taken for that of the next statement
        return psycopg.OperationalError("the server does not answer")


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params):
        self.isolation_level = IsolationLevel.READ_COMMITTED
        if not outages.database.admits():
            raise psycopg.OperationalError("the server did not answer a moment ago")
        start = time.monotonic()
        try:
            return Connection.connect(**conn_params)
        finally:
            outages.database.ended(in_time=time.monotonic() - start < outages.FIRST_S)

    def is_usable(self):
        """Django asks before the first statement of a request: whoever answers is silent no more."""
        answers = super().is_usable()
        if answers:
            outages.database.ended(in_time=True)
        return answers
