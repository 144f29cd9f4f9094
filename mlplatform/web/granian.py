"""granian with the platform. `python -m mlplatform.web` starts it with WEB_SERVER=granian."""

import multiprocessing
import socket
import sys
from multiprocessing.util import Finalize

from django.conf import settings
from django.utils.module_loading import import_string
from granian import Granian
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from mlplatform.web import process

CONNECTIONS = (
    1000  # of each process: an idle one counts too, and so a thread for each can wait for a slow body
)
BACKLOG = 2048


class Server(Granian):
    """granian with one listener for all its processes.

    On Linux, granian gives each process a listener of its own, whose waiting connections are reset if the process
    stops or is killed.
    """

    def _init_shared_socket(self):
        if sys.platform != "linux":
            super()._init_shared_socket()
            return
        family = socket.AF_INET6 if ":" in self.bind_addr else socket.AF_INET
        self._sso = socket.create_server(
            (self.bind_addr, self.bind_port),
            family=family,
            backlog=self.backlog,
            dualstack_ipv6=family == socket.AF_INET6,
        )
        self._sso.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shd = SocketHolder(self._sso.fileno(), False, self.backlog)

    def drain_on_sigterm(self):
        process.drain_on_sigterm(self._sso, self.signal_handler_interrupt)


def serve() -> None:
    """Serve until SIGTERM or SIGINT. Running requests have GRACE_S to finish."""
    process.prepare()
    multiprocessing.set_start_method("fork")  # what was prepared is shared
    server = Server(
        "mlplatform.wsgi:application",
        address=settings.HOST,
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
    server.on_startup(server.drain_on_sigterm)
    try:
        server.serve(target_loader=load, wrap_loader=False)
    finally:
        process.finish()


def load():
    """The WSGI application. granian calls this in each web process, after the fork."""
    process.start()
    Finalize(None, process.stop, exitpriority=0)  # multiprocessing's children run no atexit functions
    turns = import_string("mlplatform.web.request_body.Turns")
    return turns(import_string(process.APPLICATION), turns=settings.WEB_THREADS)
