"""Child processes that run one piece of work each. child_main.py is the child's end of the pipes."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque

import psutil
from django.conf import settings

logger = logging.getLogger(__name__)

READY_LINE = b"ready\n"
LOG_LINES, LOG_WIDTH = 200, 500
FIND_DESCENDANTS_EVERY_S = 2
GROUP_END_S = 5
RESTART_PAUSE_S = 1


class ChildProcess:
    """A fresh interpreter in its own process group, which has done its imports and waits for work.

    Spawned, not forked: XGBoost and LightGBM hang in a fork of a process that has used OpenMP.
    """

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            start_new_session=True,
            stdin=subprocess.PIPE,  # stays open: it closes when this process dies, and then the child exits
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.ready = threading.Event()
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._descendants: list[psutil.Process] = []
        self._searched_at = 0.0

    def _read(self) -> None:
        for line in self.process.stdout:
            if not self.ready.is_set() and line == READY_LINE:
                self.ready.set()
            else:
                self._lines.append(line.decode(errors="replace").rstrip()[:LOG_WIDTH])

    def assign(self, work: dict) -> None:
        """Send the work as one line of JSON. A child that has died shows as such in `returncode`."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(work).encode() + b"\n")
            self.process.stdin.flush()

    @property
    def log(self) -> str:
        """The last lines that the child printed."""
        return "\n".join(list(self._lines))

    @property
    def returncode(self) -> int | None:
        """None while the child is running; negative if a signal killed it."""
        return self.process.poll()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the child to exit; False if it is still running after the time."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def memory(self) -> int:
        """The resident memory of the child and all its descendants, in bytes."""
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(self.process.pid)
            if time.monotonic() - self._searched_at > FIND_DESCENDANTS_EVERY_S:
                self._descendants, self._searched_at = child.children(recursive=True), time.monotonic()
            return child.memory_info().rss + sum(map(_resident, self._descendants))
        return 0

    def kill(self) -> None:
        """Kill the whole process group, and return when none of it is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + GROUP_END_S
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except (ProcessLookupError, PermissionError):
                break
            time.sleep(0.02)
        self._reader.join(timeout=1)
        with contextlib.suppress(BrokenPipeError):  # of work that the child never read
            self.process.stdin.close()


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


class SpareChild:
    """Keeps one child process ready: its imports take seconds, which are not the time of a job."""

    def __init__(self, command: list[str]):
        self._command = command
        self._child: ChildProcess | None = None

    def prepare(self) -> bool:
        """Start the spare if there is none, and wait up to a poll interval until it is ready; returns whether it is."""
        if self._child and self._child.returncode is not None:
            logger.error("the spare child exited with code %s: %s", self._child.returncode, self._child.log)
            self.close()
            time.sleep(RESTART_PAUSE_S)
        self._child = self._child or ChildProcess(self._command)
        return self._child.ready.wait(settings.JOB_POLL_S)

    def take(self) -> ChildProcess:
        """Hand over the spare; the caller kills it."""
        child, self._child = self._child, None
        return child

    def close(self) -> None:
        if self._child:
            self.take().kill()
