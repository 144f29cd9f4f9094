"""granian with the platform. `python -m mlplatform.web` starts it with WEB_SERVER=granian."""

import multiprocessing
from multiprocessing.util import Finalize

from django.conf import settings
from django.utils.module_loading import import_string
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from mlplatform.web import process

CONNECTIONS = 1000  # of each process: an idle one counts too, and is closed after HEAD_S
HEAD_S = 30  # for the head of a request


def serve() -> None:
    """Serve until SIGTERM or SIGINT. Running requests have GRACE_S to finish."""
    process.prepare()
    multiprocessing.set_start_method("fork")  # what was prepared is shared
    server = Granian(
        "mlplatform.wsgi:application",
        address=settings.HOST,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_S * 1000),
        workers=settings.WEB_WORKERS,
        blocking_threads=settings.WEB_THREADS,
        blocking_threads_idle_timeout=600,  # a thread keeps its database connection
        backlog=2048,
        backpressure=CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=process.GRACE_S,
        log_level=LogLevels.error,  # its warnings are about settings, such as more threads than cores
    )
    try:
        server.serve(target_loader=load, wrap_loader=False)
    finally:
        process.finish()


def load():
    """The WSGI application. granian calls this in each web process, after the fork."""
    process.start()
    Finalize(None, process.stop, exitpriority=0)  # multiprocessing's children run no atexit functions
    return import_string(process.APPLICATION)
