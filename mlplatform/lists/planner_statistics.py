"""What the database knows of its tables when it chooses the indexes of a query."""

from django.db import connection

ROWS = 1_000  # of each index that SQLite reads: the time does not grow with the table


def refresh() -> None:
    """Let SQLite count its tables. PostgreSQL does so by itself.

    Without, it sorts all model versions of a list ordered by a metric, instead of reading the first ones in order.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA analysis_limit={ROWS}")
            cursor.execute("ANALYZE")
