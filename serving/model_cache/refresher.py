"""The background thread of a web process that keeps its model cache in step with the releases."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, connection

from mlplatform.resilience import cache_invalidation, circuit_breaker
from serving.model_cache.cache import ModelCache, shared_cache

TICK_S = 0.05  # for a release on this machine: reading the time of a file costs nothing
POLL_S = 0.4  # for a release on another one: live within a second if the model loads in half of one
RETRY_S = 1

logger = logging.getLogger(__name__)


class Refresher:
    """Refreshes a cache whenever a release is announced on this machine, and every 0.4 s."""

    def __init__(
        self, cache: ModelCache, *, tick_s: float = TICK_S, poll_s: float = POLL_S, retry_s: float = RETRY_S
    ):
        self._cache = cache
        self._tick_s, self._poll_s, self._retry_s = tick_s, poll_s, retry_s

    def start(self, is_on: Callable[[], bool]) -> threading.Thread:
        """Run in a thread until `is_on` returns False. From now on the cache relies on it."""
        self._cache.is_refreshed = True
        thread = threading.Thread(target=self._run, args=[is_on], name="refresher", daemon=True)
        thread.start()
        return thread

    def refresh(self) -> bool:
        """Refresh once; True if a model is still loading. If the database is down, the cache stays as it is."""
        try:
            with circuit_breaker.short_timeout():
                return self._cache.refresh()
        except (OperationalError, InterfaceError):
            if not connection.in_atomic_block:
                connection.close()  # the next refresh opens a new one
            return False

    def _run(self, is_on: Callable[[], bool]) -> None:
        refreshed_at, change, is_loading = float("-inf"), None, False
        try:
            while is_on():
                time.sleep(self._tick_s)
                now, last_change = time.monotonic(), cache_invalidation.releases.last_change()
                if last_change == change and not is_loading and now - refreshed_at < self._poll_s:
                    continue
                refreshed_at, change = now, last_change
                try:
                    is_loading = self.refresh()
                except Exception:  # a bug must not end the refresher: the process would serve old releases
                    logger.exception("Refreshing the model cache failed; next try in %s s", self._retry_s)
                    time.sleep(self._retry_s)
        finally:
            self._cache.is_refreshed = False


def start(is_on: Callable[[], bool]) -> None:
    """Start the refresher of this process. Call it after the fork."""
    Refresher(shared_cache()).start(is_on)
