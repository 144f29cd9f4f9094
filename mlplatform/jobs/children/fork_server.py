"""A process that has done the slow imports, and forks a child process for each piece of work.

Only a process without threads can be forked safely: XGBoost and LightGBM hang in a fork of one that has used OpenMP, as
a worker or a web process may. `multiprocessing` has a fork server too, but only the process that started it can use it,
and it needs a socket in the temporary folder.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection, wait
from pathlib import Path

from mlplatform.jobs.children import environment, main

READY = b"r"
IMPORT_S = 180  # a first start on a busy machine took 70
NAME = Path("/proc/self/comm")  # what ps and top show, on Linux
SERVER_NAME, CHILD_NAME = "fork-server", "forked-child"
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # it ends with its last client


class ForkServer:
    """A client's end. It works in the process that started the server and in every fork of that process.

    The server ends when all of them have ended or have closed their ends.
    """

    def __init__(self):
        self.socket, self._its_end = socket.socketpair()

    @classmethod
    def start(cls) -> "ForkServer":
        """A server in a new interpreter: 2.5 s of CPU, and 160 MB. Returns when its imports are done.

        Raises EOFError if they fail, and TimeoutError.
        """
        server = cls()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from mlplatform.jobs.children import fork_server; "
            f"fork_server.serve_after_imports({server._its_end.fileno()})"
        )
        with server._its_end as its_end:
            server.process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-c", code],
                pass_fds=[its_end.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment.without_secrets(),
            )
        server.pid = server.process.pid
        server.socket.settimeout(IMPORT_S)
        if server.socket.recv(1) != READY:
            raise EOFError("The fork server ended during its imports.")
        server.socket.settimeout(None)
        return server

    @classmethod
    def fork(cls) -> "ForkServer":
        """A server that is a fork of this process, which has done the imports and has no thread that holds a lock."""
        server = cls()
        server.pid = os.fork()
        if server.pid == 0:
            with contextlib.suppress(BaseException):
                server.socket.close()
                _serve(server._its_end)
            os._exit(0)
        server._its_end.close()
        return server

    def request(self, *descriptors: int) -> None:
        """Fork a child that has these descriptors. Raises OSError if the server has ended."""
        socket.send_fds(self.socket, [b"f"], descriptors)


class SharedForkServer:
    """The fork server of this process: started for the first child, and again if it was killed."""

    def __init__(self):
        self._lock = threading.Lock()
        self._server: ForkServer | None = None

    def start(self) -> None:
        with self._lock:
            self._server = ForkServer.start()

    def fork(self) -> None:
        """Call before this process starts threads; its later forks share the server."""
        self._server = ForkServer.fork()

    def request(self, *descriptors: int) -> None:
        with self._lock:
            if self._server is not None:
                with contextlib.suppress(OSError):
                    return self._server.request(*descriptors)
            self._server = ForkServer.start()
            return self._server.request(*descriptors)

    def discard(self) -> None:
        """Start another server for the next child: this one does not respond."""
        with self._lock:
            self._server = None


def serve_after_imports(descriptor: int) -> None:
    """What a server in a new interpreter runs."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    from mlplatform.jobs.children import imports  # noqa: F401

    control = socket.socket(fileno=descriptor)
    control.send(READY)
    _serve(control)


def _serve(control: socket.socket) -> None:
    """Fork a child for each request, until no client is left, and send each child's exit code to its client."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    _set_name(SERVER_NAME)
    environment.drop_secrets()
    wake, its_end = socket.socketpair()
    its_end.setblocking(False)
    signal.set_wakeup_fd(its_end.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    clients: dict[int, Connection] = {}
    while True:
        ready = wait([control, wake])
        if wake in ready:
            wake.recv(4096)
            _send_exit_codes(clients)
        if control in ready:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
            if not message:
                return
            client, output = descriptors
            pid = os.fork()
            if pid == 0:
                for end in (control, wake, its_end, *clients.values()):
                    end.close()
                _run_child(Connection(client), output)
            os.close(output)
            clients[pid] = Connection(client)


def _send_exit_codes(clients: dict[int, Connection]) -> None:
    while clients:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with clients.pop(pid) as client, contextlib.suppress(OSError):
            client.send_bytes(main.EXIT + str(os.waitstatus_to_exitcode(status)).encode())


def _run_child(client: Connection, output: int) -> None:
    """Run the child, and end it without the clean-up of the process that it is a fork of."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _set_name(CHILD_NAME)
        code = main.run(client, output)
    finally:
        os._exit(code)


def _set_name(name: str) -> None:
    if NAME.exists():
        NAME.write_text(name)
