"""The usage of releases: counted in memory by each web process, and added to the database every few seconds.

A prediction pays an addition under a lock, about 1 µs. What a process that is killed has not yet written is lost.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable

from django.db import IntegrityError, InterfaceError, OperationalError, connection

from mlplatform.resilience import circuit_breaker
from registry.releases import usage

TICK_S = 0.2
WRITE_EVERY_S = 5

logger = logging.getLogger(__name__)


class UsageCounter:
    """The counts of this process that are not in the database yet, by release and name."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts: dict[int, dict[str, int]] = {}

    def add(self, release: int, **counts: int) -> None:
        """Count one request for a release, by its key."""
        with self._lock:
            own = self._counts.get(release)
            if own is None:
                own = self._counts[release] = {"requests": 0}
            own["requests"] += 1
            for name, count in counts.items():
                own[name] = own.get(name, 0) + count

    def write(self) -> None:
        """Add the counts to the database. If it is down, or a release was deleted just now, they are kept for later."""
        with self._lock:
            taken, self._counts = self._counts, {}
        if not taken:
            return
        try:
            with circuit_breaker.short_timeout():
                usage.add(taken)
        except (OperationalError, InterfaceError, IntegrityError):
            self._restore(taken)

    def _restore(self, taken: dict[int, dict[str, int]]) -> None:
        with self._lock:
            for release, counts in taken.items():
                own = self._counts.setdefault(release, {})
                for name, count in counts.items():
                    own[name] = own.get(name, 0) + count


@functools.cache
def shared_usage() -> UsageCounter:
    """The counter of this process."""
    return UsageCounter()


def start(is_on: Callable[[], bool]) -> None:
    """Write the counts of this process in a thread until `is_on` returns False. Call it after the fork."""
    threading.Thread(target=_run, args=[is_on], name="usage", daemon=True).start()


def _run(is_on: Callable[[], bool]) -> None:
    written_at = time.monotonic()
    while is_on():
        time.sleep(TICK_S)
        if time.monotonic() - written_at < WRITE_EVERY_S and is_on():
            continue
        try:
            shared_usage().write()
        except Exception:  # a bug must not end the thread
            logger.exception("Writing the usage of releases failed")
        finally:
            connection.close()  # a server allows only so many
        written_at = time.monotonic()
