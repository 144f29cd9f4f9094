"""SQLite on a file, for tests: writers wait for each other as in production, which a database in memory refuses."""

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    def close(self):
        """A test's own transaction stays open, whatever closes the connection between two of its requests."""
        if not self.in_atomic_block:
            super().close()
