"""What every web process needs, whichever server runs it: one function for each phase of its life."""

import contextlib
import ctypes
import gc
import mmap
import os
import shutil
import signal
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from mlplatform.jobs.children.process import FORK_SERVER
from mlplatform.resilience import circuit_breaker, parent_process

APPLICATION = "mlplatform.wsgi.application"
GRACE_S = 10  # for running requests on SIGTERM, after DRAIN_S
ACCEPT_S = 5  # at most, for the connections that wait in the listener when it closes
# How long a stop can take. docker-compose.yml has a copy.
STOP_S = settings.DRAIN_S + ACCEPT_S + GRACE_S + 1
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # as in mlplatform.metrics, which is imported once it is set
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
SO_ATTACH_FILTER = 26  # of Linux; Python does not name it
# In BPF: drop a packet if SYN (2) is set in its TCP flags (byte 13), and pass any other.
DROP_SYN = [(0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF)]

_stopping = threading.Event()
_draining = mmap.mmap(-1, 1)  # the parent and the web processes share it
_own_metrics: str | None = None
_parent: int | None = None


def prepare() -> None:
    """Call in the parent, before it forks: imports take seconds and 200 MB, which all processes then share.

    It opens nothing: a database connection, an S3 client or an OpenMP thread pool would not survive the fork.
    """
    global _parent
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
    _parent = os.getpid()
    _open_metrics()
    _return_freed_memory()
    import_string(APPLICATION)
    import_string(f"{settings.ROOT_URLCONF}.urlpatterns")
    for path in settings.PRELOAD:
        import_string(path)()
    gc.collect()
    gc.freeze()  # collections in the web processes would otherwise write to, and so copy, the shared pages
    FORK_SERVER.fork()


def start() -> None:
    """Call in each web process, after the fork, before its first request."""
    from mlplatform import metrics  # prometheus_client reads METRICS_FOLDER when it is imported

    _stopping.clear()
    metrics.discard_dead_processes()  # such as the killed one that this one replaces
    circuit_breaker.enable()
    # A request can contain a million small lists: to collect after every 700 of them took 5 of the 6 s to parse it.
    gc.set_threshold(100_000, 20, 100)
    parent_process.end_with(_parent)
    for path in settings.IN_WORKERS:
        import_string(path)(is_running)


def stop() -> None:
    """Call in each web process when it ends, after its last request."""
    from prometheus_client import multiprocess

    _stopping.set()
    import_string(APPLICATION).flush()
    multiprocess.mark_process_dead(os.getpid())


def finish() -> None:
    """Call in the parent when all web processes have ended."""
    if _own_metrics:
        shutil.rmtree(_own_metrics, ignore_errors=True)


def is_running() -> bool:
    return not _stopping.is_set()


def is_draining() -> bool:
    """Whether the server serves its last requests, for at most DRAIN_S."""
    return _draining[0] == 1


def drain_on_sigterm(close: Callable[[], None], stop: Callable[[], None]) -> None:
    """Call in the parent. On SIGTERM it drains for DRAIN_S before it calls `close` and then `stop`.

    `close` calls refuse_connections() for each listener. A second SIGTERM ends the wait.
    """
    end = threading.Event()

    def drain() -> None:
        end.wait(settings.DRAIN_S)
        close()
        stop()

    def handle(signum, frame) -> None:
        if is_draining():
            end.set()
        else:
            _draining[0] = 1
            threading.Thread(target=drain, name="drain", daemon=True).start()

    signal.signal(signal.SIGTERM, handle)


def refuse_connections(listener: socket.socket) -> None:
    """Wait until the web processes have accepted all connections that wait in a listener, and let no others in.

    A listener that closes resets the connections that nobody has accepted. Those that it does not let in are not
    reset: the client tries again after a second, and finds the port closed or the next server.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in DROP_SYN))
    with contextlib.suppress(OSError, AttributeError):  # not Linux: those of the last moment are reset
        listener.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(DROP_SYN), ctypes.addressof(program))
        )
        deadline = time.monotonic() + ACCEPT_S
        time.sleep(0.1)  # for handshakes that have begun
        while _waiting_connections(listener) and time.monotonic() < deadline:
            time.sleep(0.02)


def _waiting_connections(listener: socket.socket) -> int:
    """The number of connections that nobody has accepted: tcpi_unacked of a listener."""
    return struct.unpack_from("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


def _open_metrics() -> None:
    """Create a folder for the metrics of all web processes, unless `manage.py run` shares one with the scorer."""
    global _own_metrics
    if not os.environ.get(METRICS_FOLDER):
        _own_metrics = os.environ[METRICS_FOLDER] = tempfile.mkdtemp(prefix="ml-mini-platform-metrics-")


def _return_freed_memory() -> None:
    """Let glibc return freed blocks from 1 MB up.

    Once it has seen some, it keeps blocks of up to 32 MB: uploads to S3, which are sent in blocks of 8 MB, would make
    the process grow with every one.
    """
    with contextlib.suppress(AttributeError, OSError):  # where there is no glibc
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1024 * 1024)


def release_memory() -> None:
    """Collect what large requests have left, and return it to the system.

    A request of Django REST Framework is in a cycle with its parsed body, which would wait for 200,000,000 allocations,
    and glibc keeps what was freed between two blocks that are in use.
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
