"""Work in threads of its own beside the request that asks for it, which waits for it only so long."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections, connection

from mlplatform import outages

T = TypeVar("T")
RENEWAL_S = 1.0


class Beside:
    """Runs what it is given, each key once at a time. Its threads start when they are first needed: after a fork.

    Inside a transaction, work runs in the caller's own thread, which alone sees what the transaction has done.
    """

    def __init__(self, threads: int, name: str):
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._running: dict[Hashable, Future] = {}
        self._guard = threading.Lock()
        self._is_late = False

    def within(self, seconds: float, works: dict[Hashable, Callable[[], T]], *, otherwise: T) -> list[T]:
        """What each work answers, or `otherwise` where that takes too long; it goes on, for the next who asks."""
        if connection.in_atomic_block:
            return [work() for work in works.values()]
        until = time.monotonic() + seconds
        futures = [self._begun(key, work)[0] for key, work in works.items()]
        return [self._result(future, max(until - time.monotonic(), 0), otherwise) for future in futures]

    def renewed(self, key: Hashable, work: Callable[[], T], *, known: T) -> T:
        """What the work finds, or what is known already, where another caller waits for it or nobody does any more.

        One caller waits for it, for RENEWAL_S at most; after that none does until some work has ended in time again,
        and none while the database is known to be silent.
        """
        if connection.in_atomic_block:
            return work()
        future, is_new = self._begun(key, work)
        if not is_new or self._is_late or outages.database.is_open:
            return known
        found = self._result(future, RENEWAL_S, None)
        if found is None:
            self._is_late = True
        return known if found is None else found

    def _begun(self, key: Hashable, work: Callable) -> tuple[Future, bool]:
        with self._guard:
            if key in self._running:
                return self._running[key], False
            self._running[key] = self._threads.submit(self._done, key, work)
            return self._running[key], True

    def _done(self, key: Hashable, work: Callable):
        start = time.monotonic()
        try:
            close_old_connections()
            return work()
        finally:
            self._is_late = time.monotonic() - start >= RENEWAL_S
            with self._guard:
                del self._running[key]

    @staticmethod
    def _result(future: Future, seconds: float, otherwise):
        try:
            return future.result(seconds)
        except TimeoutError:
            if future.done():
                raise
            return otherwise


renewals = Beside(4, "renewal")
