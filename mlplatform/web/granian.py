"""granian with the platform. `python -m mlplatform.web` starts it with WEB_SERVER=granian."""

import multiprocessing
import os
import socket
import threading
import time
from functools import partial
from multiprocessing.util import Finalize

import psutil
from django.conf import settings
from django.utils.module_loading import import_string
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from mlplatform.web import process

CONNECTIONS = (
    1000  # of each process: an idle one counts too, and so a thread for each can wait for a slow body
)
BACKLOG = 2048


class Listeners:
    """The listeners of the web processes. On Linux, each process has its own, among which the kernel divides clients.

    A process that accepts connections of a shared one can take all of a few, while the others have nothing to do.
    """

    def __init__(self, processes: int):
        self.processes = processes
        self._closing, self._closed = multiprocessing.Semaphore(0), multiprocessing.Semaphore(0)

    def close(self) -> None:
        """Call in the parent: every web process refuses connections once it has accepted all that wait."""
        for _ in range(self.processes):
            self._closing.release()
        deadline = time.monotonic() + 2 * process.ACCEPT_S
        for _ in range(self.processes):  # a killed one does not answer
            self._closed.acquire(timeout=max(0, deadline - time.monotonic()))

    def wait_for_close(self) -> None:
        """Call in a thread of each web process."""
        self._closing.acquire()
        for connection in psutil.Process().net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == settings.PORT:
                with socket.socket(fileno=os.dup(connection.fd)) as listener:
                    process.refuse_connections(listener)
        self._closed.release()


def serve() -> None:
    """Serve until SIGTERM or SIGINT. Running requests have GRACE_S to finish."""
    address = check_address()
    process.prepare()
    multiprocessing.set_start_method("fork")  # what was prepared is shared
    listeners = Listeners(settings.WEB_WORKERS)
    server = Granian(
        "mlplatform.wsgi:application",
        address=address,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=settings.KEEPALIVE_S * 1000),
        workers=settings.WEB_WORKERS,
        blocking_threads=CONNECTIONS,  # started when needed; WEB_THREADS of them run requests
        blocking_threads_idle_timeout=30,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=process.GRACE_S,
        log_level=LogLevels.error,  # its warnings are about settings, such as more threads than cores
    )
    server.on_startup(partial(process.drain_on_sigterm, listeners.close, server.signal_handler_interrupt))
    try:
        server.serve(target_loader=partial(load, listeners), wrap_loader=False)
    finally:
        process.finish()


def check_address() -> str:
    """The IP address of HOST. Raises OSError if another process listens there: granian would share the port with it."""
    family = socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET
    with socket.create_server((settings.HOST, settings.PORT), family=family) as listener:
        return listener.getsockname()[0]


def load(listeners: Listeners):
    """The WSGI application. granian calls this in each web process, after the fork."""
    process.start()
    threading.Thread(target=listeners.wait_for_close, name="listener", daemon=True).start()
    Finalize(None, process.stop, exitpriority=0)  # multiprocessing's children run no atexit functions
    turns = import_string("mlplatform.web.request_body.Turns")
    return turns(import_string(process.APPLICATION), turns=settings.WEB_THREADS)
