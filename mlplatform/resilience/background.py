"""Background threads for work that several requests need and none should wait for too long."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from django.db import close_old_connections, connection

T = TypeVar("T")


class SingleFlight:
    """Runs functions in a thread pool, each key at most once at a time.

    Threads start on first use, so a pool can be created before a fork. Inside a transaction a function runs in the
    calling thread, the only one that sees uncommitted changes. Threads with `close_connections` close their database
    connection after each run: for rare work, since a server allows only so many connections.
    """

    def __init__(self, threads: int, name: str, *, close_connections: bool = False):
        self._close_connections = close_connections
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._running: dict[Hashable, Future] = {}
        self._lock = threading.Lock()

    def start(self, key: Hashable, function: Callable[[], T]) -> Future[T]:
        """Start a function, or join the run of its key that is in progress. Does not wait."""
        if connection.in_atomic_block:
            return _run(function)
        with self._lock:
            if key not in self._running:
                self._running[key] = self._pool.submit(self._run, key, function)
            return self._running[key]

    def _run(self, key: Hashable, function: Callable[[], T]) -> T:
        try:
            close_old_connections()
            return function()
        finally:
            if self._close_connections:
                connection.close()
            with self._lock:
                del self._running[key]


def _run(function: Callable[[], T]) -> Future[T]:
    future = Future()
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001 - result() raises it
        future.set_exception(error)
    return future


def result_within(future: Future[T], timeout_s: float, *, default: T) -> T:
    """The result of a future, or `default` if it takes longer. Raises what its function raised."""
    wait([future], timeout_s)
    return future.result() if future.done() else default
