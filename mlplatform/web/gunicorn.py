"""gunicorn's configuration: `python -m gunicorn -c mlplatform/web/gunicorn.py`."""

import contextlib
import ctypes
import gc
import os
import shutil
import tempfile

from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mlplatform.settings")
# Where the workers count for /metrics: in the folder of `manage.py run`, together with the scorer, else in their own.
OWN_METRICS = None
if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    OWN_METRICS = os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(
        prefix="ml-mini-platform-metrics-"
    )

from mlplatform import metrics  # noqa: E402 - it reads the variable
from mlplatform.web import web_worker  # noqa: E402

wsgi_app = "mlplatform.wsgi:application"
bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
worker_class = "mlplatform.web.web_worker.WebWorker"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
timeout = 120
graceful_timeout = 10  # supervisord.conf and docker-compose.yml give it longer than this before they kill
keepalive = 5
# The heartbeat file: on a disk that stalls under a large upload, a busy worker would be taken for a dead one.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
preload_app = True
control_socket_disable = True
loglevel = "warning"


# glibc keeps freed blocks of up to 32 MB for itself once it has seen some: uploads to S3, which are sent in
# blocks of 8 MB, would make the process grow with every one. From 1 MB up, freed means given back.
M_MMAP_THRESHOLD = -3
with contextlib.suppress(AttributeError, OSError):  # where there is no glibc
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1024 * 1024)


def on_starting(server):
    """Import every view and algorithm before the fork: pandas and scikit-learn are then loaded once, and shared.

    Imports only: a database connection, an S3 client or a thread pool of OpenMP would not survive the fork.
    """
    metrics.discard_dead_processes()
    get_resolver().url_patterns  # noqa: B018
    for path in settings.PRELOAD:
        import_string(path)()
    gc.collect()
    gc.freeze()  # collections in the workers would otherwise write to, and so copy, the shared pages


def post_fork(server, worker):
    # A request may hold a million small lists. A collection for every 700 of them took 5 of 6 seconds to read it.
    gc.set_threshold(100_000, 20, 100)


def post_worker_init(worker):
    for path in settings.IN_WORKERS:
        import_string(path)(lambda: worker.alive)


def child_exit(server, worker):
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
    web_worker.forget(worker)


def on_exit(server):
    if OWN_METRICS:
        shutil.rmtree(OWN_METRICS, ignore_errors=True)
