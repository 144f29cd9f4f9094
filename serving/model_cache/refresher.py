"""The lookout of a web process: it sees what was released before a request asks, so that a long load begins at once."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, close_old_connections

from mlplatform.resilience import cache_invalidation, circuit_breaker
from serving.model_cache import cache

TICK_S = 0.1  # for a release on this box: comparing a file's time costs nothing
LOOK_EVERY_S = 0.4  # for one on another machine: live within a second where it loads in half of one
AFTER_FAULT_S = 10

logger = logging.getLogger(__name__)


def start(is_on: Callable[[], bool]) -> None:
    """Look out as long as the process is on, in a thread of its own. Call it after the fork."""
    threading.Thread(target=_look_out, args=[is_on], name="lookout", daemon=True).start()


def _look_out(is_on: Callable[[], bool]) -> None:
    looked_at, stamp = 0.0, 0
    while is_on():
        time.sleep(TICK_S)
        now, said = time.monotonic(), cache_invalidation.last_change(cache_invalidation.RELEASES)
        if said == stamp and now - looked_at < LOOK_EVERY_S:
            continue
        looked_at, stamp = now, said
        try:
            look()
        except Exception:  # whatever it was, it must not be the end of the lookout
            logger.exception("the lookout looks again in %s s", AFTER_FAULT_S)
            time.sleep(AFTER_FAULT_S)


def look() -> None:
    """Look once. A database that is away is nothing new to the requests, which go on with what they know."""
    try:
        with circuit_breaker.short_timeout():
            close_old_connections()
            cache.look_ahead()
    except (OperationalError, InterfaceError):
        pass
