"""How long a web process waits for the database and the object store, and what it remembers of their silence.

A service that is gone says so at once. One that hangs says nothing, and every request that asks it would take a
thread with it until none is left for those that need no service at all. So a web process stops waiting, and once it
has had to, the next callers are told at once, but for one every second that finds out whether it is back.
"""

import contextlib
import threading
import time
from collections.abc import Iterator

# For an answer of the database while it is known to be silent, or to somebody who can do without it.
FIRST_S = 2
LONGEST_S = 10  # for any other answer: a statement may wait for a lock
PAUSE_S = 1


class CircuitBreaker:
    """Remembers that a service is silent. Safe to share between threads."""

    def __init__(self):
        self._guard = threading.Lock()
        self._try_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self._try_at is not None

    def admits(self) -> bool:
        """Whether to ask the service: always, unless it is silent; then once in a while."""
        if self._try_at is None or not _gives_up:
            return True
        with self._guard:
            now = time.monotonic()
            if self._try_at is None or now >= self._try_at:
                self._try_at = now + LONGEST_S  # for the others, until this try has ended
                return True
            return False

    def ended(self, *, in_time: bool) -> None:
        """What came of asking: the service answered (a fault is an answer too), or it was silent."""
        if in_time and self._try_at is None:
            return
        with self._guard:
            self._try_at = None if in_time else time.monotonic() + PAUSE_S


database = CircuitBreaker()
store = CircuitBreaker()

_hurry = threading.local()
_gives_up = False


def enable() -> None:
    """For web processes. A migration may take its time, and a training worker has nothing better to do than wait."""
    global _gives_up
    _gives_up = True


def is_enabled() -> bool:
    return _gives_up


@contextlib.contextmanager
def short_timeout() -> Iterator[None]:
    """What is asked of the database in here is small and soon answered, or never."""
    before, _hurry.on = uses_short_timeout(), True
    try:
        yield
    finally:
        _hurry.on = before


def uses_short_timeout() -> bool:
    return getattr(_hurry, "on", False)
