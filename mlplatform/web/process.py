"""What every web process needs, whichever server runs it: one function for each phase of its life."""

import contextlib
import ctypes
import gc
import os
import shutil
import signal
import tempfile
import threading
import time

from django.conf import settings
from django.utils.module_loading import import_string

from mlplatform.resilience import circuit_breaker

APPLICATION = "mlplatform.wsgi.application"
GRACE_S = 10  # for running requests on SIGTERM; supervisord.conf and docker-compose.yml wait longer before they kill
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # as in mlplatform.metrics, which is imported once it is set
PARENT_CHECK_S = 1
M_MMAP_THRESHOLD = -3  # of glibc's malloc.h

_stopping = threading.Event()
_own_metrics: str | None = None


def prepare() -> None:
    """Call in the parent, before it forks: imports take seconds and 200 MB, which all processes then share.

    It opens nothing: a database connection, an S3 client or an OpenMP thread pool would not survive the fork.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
    _open_metrics()
    _return_freed_memory()
    import_string(APPLICATION)
    import_string(f"{settings.ROOT_URLCONF}.urlpatterns")
    for path in settings.PRELOAD:
        import_string(path)()
    gc.collect()
    gc.freeze()  # collections in the web processes would otherwise write to, and so copy, the shared pages


def start() -> None:
    """Call in each web process, after the fork, before its first request."""
    from mlplatform import metrics  # prometheus_client reads METRICS_FOLDER when it is imported

    _stopping.clear()
    metrics.discard_dead_processes()  # such as the killed one that this one replaces
    circuit_breaker.enable()
    # A request can contain a million small lists: to collect after every 700 of them took 5 of the 6 s to parse it.
    gc.set_threshold(100_000, 20, 100)
    threading.Thread(
        target=_stop_without_parent, args=[os.getppid()], name="parent watch", daemon=True
    ).start()
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


def _stop_without_parent(parent: int) -> None:
    """Stop gracefully when the parent was killed: otherwise the process would run on without supervision."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os.kill(os.getpid(), signal.SIGTERM)
