"""Ends the processes of a parent that was killed, so that none runs on without supervision and holds its port.

Every long-lived process does this: supervisord, the web server and its processes, the workers and the scorer. A process
that a person has started alone has no such parent. Fork servers and the children of jobs/children live shorter:
they end when a pipe to their worker closes.
"""

import os
import signal
import threading
import time

VARIABLE = "PLATFORM_PARENT_PID"
CHECK_S = 0.5
STOP_S = 30  # a worker takes less


def announce() -> None:
    """Let the processes that this one starts end with it, if they call end_with_parent()."""
    os.environ[VARIABLE] = str(os.getpid())


def end_with_parent(*, stop_s: float = STOP_S) -> None:
    """As end_with(), if a parent has announced itself."""
    if parent := os.environ.get(VARIABLE):
        end_with(int(parent), stop_s=stop_s)


def end_with(parent: int, *, stop_s: float = STOP_S) -> None:
    """Stop this process gracefully, as on a SIGTERM, once this is not its parent; kill it if that takes `stop_s`."""
    threading.Thread(target=_watch, args=[parent, stop_s], name="parent watch", daemon=True).start()


def _watch(parent: int, stop_s: float) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stop_s)
    os.kill(os.getpid(), signal.SIGKILL)
