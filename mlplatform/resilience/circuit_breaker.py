"""Circuit breakers for the database and the object store, and how long a web process waits for them.

A service that is down refuses at once. One that hangs does not respond at all, and each request that needs it would
hold a thread, until none is left for the requests that need no service. So a web process limits the wait, and after a
timeout the breaker fails further requests at once, except one per second that tests whether the service is back.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

SHORT_TIMEOUT_S = 2  # for small queries, and for all while the breaker is open
LONG_TIMEOUT_S = 10  # for other queries: a statement may wait for a lock
RETRY_S = 1


class CircuitBreaker:
    """Rejects requests to a service that did not respond in time. Safe to share between threads."""

    def __init__(self, *, is_enabled: bool = False, clock: Callable[[], float] = time.monotonic):
        self.is_enabled = is_enabled
        self._clock = clock
        self._lock = threading.Lock()
        self._retry_at: float | None = None

    def enable(self) -> None:
        """Only web processes do: a migration may take its time, and a training worker can afford to wait."""
        self.is_enabled = True

    @property
    def is_open(self) -> bool:
        return self._retry_at is not None

    def allows_request(self) -> bool:
        """Whether to send a request: always while the breaker is closed, one per second while it is open."""
        if self._retry_at is None or not self.is_enabled:
            return True
        with self._lock:
            now = self._clock()
            if self._retry_at is None or now >= self._retry_at:
                self._retry_at = now + LONG_TIMEOUT_S  # for other threads, until this request has ended
                return True
            return False

    def record(self, *, is_timeout: bool) -> None:
        """Open the breaker after a timeout and close it after any answer, an error included."""
        if not is_timeout and self._retry_at is None:
            return
        with self._lock:
            self._retry_at = self._clock() + RETRY_S if is_timeout else None


database = CircuitBreaker()
store = CircuitBreaker()
_is_short: ContextVar[bool] = ContextVar("has_short_timeout", default=False)


def enable() -> None:
    database.enable()
    store.enable()


@contextlib.contextmanager
def short_timeout() -> Iterator[None]:
    """Limit queries in this block to SHORT_TIMEOUT_S: they are small and answered soon, or never."""
    token = _is_short.set(True)
    try:
        yield
    finally:
        _is_short.reset(token)


def has_short_timeout() -> bool:
    return _is_short.get()
