"""Prometheus metric types for every module that counts, safe for several processes on one machine.

With PROMETHEUS_MULTIPROC_DIR set, each process counts in its own files in that folder. It must be set before this
module is imported.

prometheus_client asks the kernel for the process id on every increment: five system calls per prediction. Here the id
is cached and refreshed after a fork, which is worth 3 % of one-row throughput.
"""

import contextlib
import glob
import os
import re

from prometheus_client import Counter, Gauge, Histogram, values

__all__ = ["Counter", "Gauge", "Histogram"]

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class _ProcessId:
    def __init__(self):
        self.refresh()
        os.register_at_fork(after_in_child=self.refresh)

    def refresh(self) -> None:
        self.pid = os.getpid()

    def __call__(self) -> int:
        return self.pid


if METRICS_FOLDER in os.environ:
    values.ValueClass = values.MultiProcessValue(_ProcessId())


def discard_dead_processes() -> None:
    """Remove the gauges (such as models in memory) of processes that were killed.

    Their counters stay: a counter never decreases.
    """
    folder = os.environ.get(METRICS_FOLDER)
    for path in glob.glob(f"{glob.escape(folder)}/gauge_live*.db") if folder else []:
        pid = re.search(r"_(\d+)\.db$", path)
        if pid and not _is_alive(int(pid[1])):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
