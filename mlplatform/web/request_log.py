"""A number for every request, which its answer and its log lines carry, and a line in the log about it."""

import os
import random
import re
import threading
import time
from collections import deque
from urllib.parse import quote

from django.conf import settings

GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
STDERR = 2
WRITE_EVERY_S = 0.2
MOST_LINES = 20_000  # that wait to be written: where nobody reads them, memory must not grow
# Asked every few seconds by machines, or together with each page: they would hide the rest.
QUIET = ("/static/", "/livez", "/readyz", "/healthz", "/health", "/ping", "/metrics", "/v2/health/")

_request = threading.local()


def current_id() -> str:
    """The number of the request that this thread answers; empty outside of one."""
    return getattr(_request, "id", "")


class WithRequestId:
    """A logging filter: what is logged during a request names it."""

    def filter(self, record) -> bool:
        record.request_id = f" [{current_id()}]" if current_id() else ""
        return True


class RequestLog:
    """A WSGI application that stands before all others.

    A caller's `X-Request-Id` is kept where it is one (64 letters, digits, dots, dashes), so that a request can be
    followed through several systems; else a number is made up. The answer has it in the same header.
    """

    def __init__(self, application):
        self.application = application
        self.lines = Lines() if settings.REQUEST_LOG else None

    def flush(self) -> None:
        """Write the lines that wait. Call it before the process ends."""
        if self.lines:
            self.lines.flush()

    def __call__(self, environ: dict, start_response):
        begun = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        number = _request.id = given if given and GIVEN(given) else f"{random.getrandbits(64):016x}"
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]  # Django puts its own into this
        code = ""

        def start(status, headers, *exc_info):
            nonlocal code
            code = status[:3]
            return start_response(status, [*headers, ("X-Request-Id", number)], *exc_info)

        try:
            return self.application(environ, start)
        finally:
            _request.id = ""
            if self.lines and not path.startswith(QUIET):
                spent_ms = (time.perf_counter() - begun) * 1000
                self.lines.add(f"INFO request {method} {_plain(path)} {code} {spent_ms:.1f} ms [{number}]\n")


def _plain(path: str) -> str:
    """A path of any bytes, in WSGI's manner of one character each, as text that cannot forge a line."""
    return path if path.isascii() and path.isprintable() else quote(path.encode("latin-1"))


class Lines:
    """Writes lines to stderr a few times a second, by a thread: one by one they would cost more than they tell.

    A process that is killed loses those of the last 0.2 s.
    """

    def __init__(self):
        self.waiting: deque[str] = deque()
        self.lost = 0
        self.is_called = threading.Event()
        self.writer: threading.Thread | None = None  # begun with the first line, which is after the fork
        self.guard = threading.Lock()
        self.instant = (0, "")

    def add(self, text: str) -> None:
        if len(self.waiting) >= MOST_LINES:
            self.lost += 1
            return
        now = time.time()
        second, stamp = self.instant
        if second != int(now):
            second = int(now)
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self.instant = (second, stamp)
        self.waiting.append(f"{stamp},{int(now % 1 * 1000):03d} {text}")
        if not self.is_called.is_set():
            self._call()

    def _call(self) -> None:
        self.is_called.set()
        with self.guard:
            if self.writer is None:
                self.writer = threading.Thread(target=self._write, name="request log", daemon=True)
                self.writer.start()

    def _write(self) -> None:
        while True:
            self.is_called.wait()
            time.sleep(WRITE_EVERY_S)
            self.is_called.clear()
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines = [self.waiting.popleft() for _ in range(len(self.waiting))]
        if self.lost:
            lines.append(f"... {self.lost} lines about requests are left out: nobody read them in time.\n")
            self.lost = 0
        data = "".join(lines).encode()
        try:
            while data:
                data = data[os.write(STDERR, data) :]
        except OSError:  # nobody reads it any more; requests are answered all the same
            pass
