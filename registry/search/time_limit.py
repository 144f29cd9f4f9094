"""Stop a fit when its time is over."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class TimeIsOver(BaseException):
    """Not an Exception, so that an estimator does not handle it as a failure of its own."""


@contextlib.contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise TimeIsOver in the block after this time; None is no limit.

    A signal interrupts it between two steps of Python, such as the iterations of boosting or the trees of a forest.
    Only a main thread receives signals: elsewhere the block ends by itself.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise TimeIsOver

    def interrupt(number, frame):
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
