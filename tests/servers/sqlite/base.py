"""SQLite on a file, for tests: writers wait for each other as in production, which a database in memory refuses."""

from django.db.backends.sqlite3 import base
from django.db.backends.utils import CursorWrapper


class DatabaseWrapper(base.DatabaseWrapper):
    def close(self):
        """A test's own transaction stays open, whatever closes the connection between two of its requests."""
        if not self.in_atomic_block:
            super().close()

    def make_cursor(self, cursor):
        return Cursor(cursor, self)


class Cursor(CursorWrapper):
    """Rejects text with null characters, which PostgreSQL cannot store or compare."""

    def execute(self, sql, params=None):
        if any(isinstance(value, str) and "\0" in value for value in params or ()):
            raise ValueError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return super().execute(sql, params)
