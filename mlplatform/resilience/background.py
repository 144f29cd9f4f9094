"""Work in threads of its own beside the request that asks for it, which waits for it only so long."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from django.db import close_old_connections, connection

from mlplatform.resilience import circuit_breaker

T = TypeVar("T")
RENEWAL_S = 1.0


@dataclass(frozen=True)
class Running:
    future: Future
    began_at: float


class SingleFlight:
    """Runs what it is given, each key once at a time. Its threads start when they are first needed: after a fork.

    Inside a transaction, work runs in the caller's own thread, which alone sees what the transaction has done. The
    threads of rare work give their database connection back: a server has only so many.
    """

    def __init__(self, threads: int, name: str, *, is_rare: bool = False):
        self._is_rare = is_rare
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._running: dict[Hashable, Running] = {}
        self._guard = threading.Lock()

    def within(self, seconds: float, works: dict[Hashable, Callable[[], T]], *, otherwise: T) -> list[T]:
        """What each work answers, or `otherwise` where that takes too long; it goes on, for the next who asks."""
        if connection.in_atomic_block:
            return [work() for work in works.values()]
        until = time.monotonic() + seconds
        futures = [self._begun(key, work)[0].future for key, work in works.items()]
        return [self._result(future, max(until - time.monotonic(), 0), otherwise) for future in futures]

    def refresh(self, key: Hashable, work: Callable[[], T], *, known: T, overdue_s: float) -> T:
        """What the work finds, or what is known already where that takes longer than RENEWAL_S; it goes on.

        One caller waits for it, unless the database is known to be silent, and others go on with what is known. They
        wait too where it is overdue for RENEWAL_S: after a pause, what is known may be long untrue.
        """
        if connection.in_atomic_block:
            return work()
        running, is_new = self._begun(key, work)
        is_waited_for = is_new and not circuit_breaker.database.is_open
        if not is_waited_for and overdue_s < RENEWAL_S:
            return known
        left = running.began_at + RENEWAL_S - time.monotonic()
        found = self._result(running.future, max(left, 0), None)
        return known if found is None else found

    def begin(self, key: Hashable, work: Callable[[], T]) -> None:
        """See that the work is done, for those who ask later. Waits for nothing."""
        if connection.in_atomic_block:
            work()
        else:
            self._begun(key, work)

    def _begun(self, key: Hashable, work: Callable) -> tuple[Running, bool]:
        with self._guard:
            if key in self._running:
                return self._running[key], False
            future = self._threads.submit(self._done, key, work)
            self._running[key] = Running(future, time.monotonic())
            return self._running[key], True

    def _done(self, key: Hashable, work: Callable):
        try:
            close_old_connections()
            return work()
        finally:
            if self._is_rare:
                connection.close()
            with self._guard:
                del self._running[key]

    @staticmethod
    def _result(future: Future, seconds: float, otherwise):
        try:
            return future.result(seconds)
        except TimeoutError:  # of the wait, or of the work itself
            return future.result() if future.done() else otherwise


refreshes = SingleFlight(4, "renewal")
