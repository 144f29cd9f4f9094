"""gunicorn's configuration. `python -m mlplatform.web` starts it with WEB_SERVER=gunicorn."""

import os
import signal
from functools import partial

from django.conf import settings

from mlplatform.web import process

process.prepare()

wsgi_app = "mlplatform.wsgi:application"
bind = f"[{settings.HOST}]:{settings.PORT}" if ":" in settings.HOST else f"{settings.HOST}:{settings.PORT}"
worker_class = "gthread"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
timeout = 120
graceful_timeout = process.GRACE_S
keepalive = settings.KEEPALIVE_S
limit_request_line = 8190  # bytes, the most that gunicorn allows: it answers longer ones itself
# For the heartbeat file: on a disk that stalls during a large upload, gunicorn would kill busy workers as hung.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
preload_app = True
control_socket_disable = True
forwarder_headers = (
    ""  # by default, a client on this machine sets SCRIPT_NAME, and with it the prefix of links
)
loglevel = "warning"


def when_ready(server):
    close = partial(process.refuse_connections, server.LISTENERS[0].sock)
    process.drain_on_sigterm(close, partial(server.signal, signal.SIGTERM, None))


def post_fork(server, worker):
    # Until the web process has its own handler, it has that of the parent, which would ignore the stop.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def post_worker_init(worker):
    process.start()


def worker_exit(server, worker):
    process.stop()


def on_exit(server):
    process.finish()
