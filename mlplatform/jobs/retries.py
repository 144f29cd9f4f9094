"""What a worker does while the database or the object store is unavailable."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import tenacity
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from mlplatform.errors import DiskFull, NotReady, StorageForbidden

logger = logging.getLogger(__name__)
T = TypeVar("T")


def with_retries(call: Callable[[], T], *, for_s: float) -> T:
    """Repeat an idempotent call, with growing pauses, until its services answer; raises after `for_s` seconds.

    A full disk and a forbidden store raise at once.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_be_repeated),
        wait=tenacity.wait_exponential(max=10),
        stop=tenacity.stop_before_delay(for_s),
        before_sleep=lambda state: connection.close(),  # the next try opens a new one
        reraise=True,
    )
    return retrying(call)


def _may_be_repeated(error: BaseException) -> bool:
    is_unavailable = isinstance(error, NotReady | OperationalError | InterfaceError)
    return is_unavailable and not isinstance(error, DiskFull | StorageForbidden)


@contextlib.contextmanager
def database_may_be_unavailable() -> Iterator[None]:
    """Log a failing database and go on; the next query opens a new connection."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        is_unavailable = isinstance(error, OperationalError | InterfaceError)
        logger.warning("the database is unavailable: %s", error, exc_info=not is_unavailable)
        if not connection.in_atomic_block:
            connection.close()
