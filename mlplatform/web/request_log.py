"""A request id for every request, in its response and its log lines, and one log line for each request."""

import logging
import os
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import quote

from django.conf import settings

from mlplatform.web.process import is_draining

is_request_id = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
STDERR = 2
WRITE_EVERY_S = 0.2
MAX_WAITING = 20_000  # lines: if nothing reads stderr, memory must not grow
# Requested every few seconds by machines, or along with every page: they would hide the rest.
NOT_LOGGED = ("/static/", "/livez", "/readyz", "/healthz", "/health", "/ping", "/metrics", "/v2/health/")

_request = threading.local()


def current_id() -> str:
    """The id of the request that this thread answers; empty outside a request."""
    return getattr(_request, "id", "")


class WithRequestId:
    """A logging filter that adds the request id to what is logged during a request."""

    def filter(self, record) -> bool:
        record.request_id = f" [{current_id()}]" if current_id() else ""
        return True


class WithoutExpectedTracebacks:
    """A logging filter that leaves out the traceback of a refused request (4xx), which Django logs as a warning."""

    def filter(self, record) -> bool:
        if record.name == "django.request" and record.levelno < logging.ERROR:
            record.exc_info = record.exc_text = None
        return True


class RequestLog:
    """The outermost WSGI application.

    It keeps a valid `X-Request-Id` of the caller (at most 64 letters, digits, dots, dashes and underscores), so that a
    request can be followed through several systems, and generates one otherwise. The response has the same header.
    """

    def __init__(self, application: Callable, *, lines: "LineWriter | None" = None):
        self.application = application
        self.lines = (lines or LineWriter()) if settings.REQUEST_LOG else None

    def __call__(self, environ: dict, start_response):
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        request_id = given if given and is_request_id(given) else f"{random.getrandbits(64):016x}"
        _request.id = request_id
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]  # Django changes it
        code = ""

        def start(status, headers, *exc_info):
            nonlocal code
            code = status[:3]
            headers = [*headers, ("X-Request-Id", request_id)]
            if is_draining():  # granian then closes the connection; gunicorn does so when it stops
                headers.append(("Connection", "close"))
            return start_response(status, headers, *exc_info)

        try:
            return self.application(environ, start)
        finally:
            _request.id = ""
            if self.lines and not path.removeprefix(environ.get("SCRIPT_NAME", "")).startswith(NOT_LOGGED):
                ms = (time.perf_counter() - started) * 1000
                self.lines.add(
                    f"INFO request {method} {_printable(path)} {code} {ms:.1f} ms [{request_id}]\n"
                )

    def flush(self) -> None:
        """Write the lines that wait. Call it before the process ends."""
        if self.lines:
            self.lines.flush()


def _printable(path: str) -> str:
    """A WSGI path (one character per byte) as text that cannot forge a log line."""
    return path if path.isascii() and path.isprintable() else quote(path.encode("latin-1"))


class LineWriter:
    """Writes lines to a file descriptor a few times a second, from a thread: one system call each would cost more.

    A process that is killed loses the lines of the last 0.2 s.
    """

    def __init__(self, descriptor: int = STDERR, *, every_s: float = WRITE_EVERY_S):
        self.descriptor, self.every_s = descriptor, every_s
        self.waiting: deque[str] = deque()
        self.dropped = 0
        self._has_lines = threading.Event()
        self._thread: threading.Thread | None = None  # starts with the first line, which is after the fork
        self._lock = threading.Lock()
        self._second = (0, "")

    def add(self, text: str) -> None:
        """Write `text`, which ends in a newline, with the time in front."""
        if len(self.waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        now = time.time()
        second, stamp = self._second
        if second != int(now):
            second = int(now)
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = (second, stamp)
        self.waiting.append(f"{stamp},{int(now % 1 * 1000):03d} {text}")
        if not self._has_lines.is_set():
            self._wake()

    def flush(self) -> None:
        lines = [self.waiting.popleft() for _ in range(len(self.waiting))]
        if self.dropped:
            lines.append(f"... {self.dropped} request log lines were dropped: nothing read them in time.\n")
            self.dropped = 0
        data = "".join(lines).encode()
        try:
            while data:
                data = data[os.write(self.descriptor, data) :]
        except OSError:  # nothing reads them any more; requests are still answered
            pass

    def _wake(self) -> None:
        self._has_lines.set()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="request log", daemon=True)
                self._thread.start()

    def _write(self) -> None:
        while True:
            self._has_lines.wait()
            time.sleep(self.every_s)
            self._has_lines.clear()
            self.flush()
