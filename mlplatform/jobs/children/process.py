"""Child processes that run one piece of work each. main.py is what they run."""

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque

import psutil

from mlplatform.jobs.children import main
from mlplatform.jobs.children.fork_server import SharedForkServer

LOG_LINES, LOG_WIDTH = 200, 500
FIND_DESCENDANTS_EVERY_S = 2
GROUP_END_S = 5
START_S = 30  # a fork takes 30 ms; a fork server that takes longer hangs
REPORT_S = 1  # from the exit to its report by the fork server
UNKNOWN_EXIT = 255  # the fork server, which knows the exit code, was killed or hangs

FORK_SERVER = SharedForkServer()
logger = logging.getLogger(__name__)


class NotStarted(Exception):
    """No fork server responds, as happens when memory is short."""


class ChildProcess:
    """A forked process in its own process group, which runs `work`, the dotted path of a function.

    It is killed, with the processes that it has started, as soon as this process has died. `returncode` is None while
    it is running, and negative if a signal killed it. Not thread-safe.
    """

    def __init__(self, work: str, **arguments):
        self.returncode: int | None = None
        self._results: deque[object] = deque()
        self.pid = self._start()
        with contextlib.suppress(OSError):  # it has died
            self._connection.send((work, arguments))
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        self._descendants: list[psutil.Process] = []
        self._searched_at = 0.0

    def _start(self) -> int:
        """Fork the process and return its ID. Raises NotStarted if that fails with a second fork server too."""
        for _ in range(2):
            self._output, its_output = os.pipe()
            self._connection, its_end = multiprocessing.Pipe()
            try:
                FORK_SERVER.request(its_end.fileno(), its_output)
            except (EOFError, OSError) as error:
                logger.warning("a fork server did not start: %s", error)
            finally:
                its_end.close()
                os.close(its_output)
            with contextlib.suppress(EOFError, OSError):
                if self._connection.poll(START_S):
                    message = self._connection.recv_bytes()
                    if message.startswith(main.PID):  # else it was killed before it had begun
                        return int(message.removeprefix(main.PID))
            os.close(self._output)
            self._connection.close()
            FORK_SERVER.discard()
        raise NotStarted("No process could be started.")

    def _read_output(self) -> None:
        with open(self._output, "rb") as output:
            for line in output:
                self._lines.append(line.decode(errors="replace").rstrip()[:LOG_WIDTH])

    @property
    def log(self) -> str:
        """The last lines that the child printed."""
        return "\n".join(list(self._lines))

    def wait(self, timeout_s: float) -> bool:
        """Wait for the child to exit; False if it is still running after the time."""
        deadline = time.monotonic() + timeout_s
        while self.returncode is None:
            if self._receive(max(deadline - time.monotonic(), 0)):
                continue
            if self._is_running() or self._receive(REPORT_S):
                return False
            self.returncode = UNKNOWN_EXIT
        return True

    def next_result(self, timeout_s: float) -> object:
        """The next item that the work has returned; None if there is none when the time is over or the child exits."""
        deadline = time.monotonic() + timeout_s
        while not self._results and self.returncode is None:
            if not self._receive(max(deadline - time.monotonic(), 0)):
                break
        return self._results.popleft() if self._results else None

    def _receive(self, timeout_s: float) -> bool:
        """Wait for a message of the child or of the fork server; False if there is none after the time."""
        try:
            if not self._connection.poll(timeout_s):
                return False
            message = self._connection.recv_bytes()
        except (EOFError, OSError):
            self.returncode = UNKNOWN_EXIT
            return True
        if message.startswith(main.EXIT):
            self.returncode = int(message.removeprefix(main.EXIT))
        else:
            self._results.append(json.loads(message.removeprefix(main.RESULT)))
        return True

    def _is_running(self) -> bool:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        return False

    def memory(self) -> int:
        """The resident memory of the child, and what its descendants have in addition, in bytes."""
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(self.pid)
            if time.monotonic() - self._searched_at > FIND_DESCENDANTS_EVERY_S:
                self._descendants, self._searched_at = child.children(recursive=True), time.monotonic()
            return child.memory_info().rss + sum(map(_own_memory, self._descendants))
        return 0

    def kill(self) -> None:
        """Kill the whole process group, and return when none of it is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + GROUP_END_S
        self.wait(GROUP_END_S)
        while time.monotonic() < deadline:
            try:
                os.killpg(self.pid, 0)
            except (ProcessLookupError, PermissionError):
                break
            time.sleep(0.02)
        self._reader.join(timeout=1)
        self._connection.close()


def _own_memory(process: psutil.Process) -> int:
    """In bytes: a fork shares the memory of its parent, which is not counted twice."""
    try:
        return process.memory_full_info().uss
    except psutil.Error:
        return 0
