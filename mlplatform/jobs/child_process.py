"""Child processes that run one piece of work each. child_main.py is what they run."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque

import psutil

from mlplatform.jobs import child_main

LOG_LINES, LOG_WIDTH = 200, 500
FIND_DESCENDANTS_EVERY_S = 2
GROUP_END_S = 5

# A fork of a server process that has done the imports takes 30 ms; a new interpreter would take 2.5 s of CPU. The
# server itself only imports: XGBoost and LightGBM hang in a fork of a process that has used OpenMP, as a worker may.
FORK_SERVER = multiprocessing.get_context("forkserver")


def start_fork_server() -> None:
    """Start the server of this process's children, and return when its imports are done.

    Otherwise the first child would start it. Raises EOFError or OSError if the imports fail.
    """
    FORK_SERVER.set_forkserver_preload(["mlplatform.jobs.child_imports"])
    first = FORK_SERVER.Process()
    first.start()
    first.join()


class ChildProcess:
    """A forked process in its own process group, which runs `work`, the dotted path of a function.

    It is killed, with the processes that it has started, as soon as this process has died.
    """

    def __init__(self, work: str, **arguments):
        self._output, its_output = FORK_SERVER.Pipe(duplex=False)
        its_end, self._keep_open = FORK_SERVER.Pipe(duplex=False)  # closes when this process dies
        self.process = FORK_SERVER.Process(target=child_main.run, args=(work, arguments, its_end, its_output))
        self.process.start()
        its_output.close()
        its_end.close()
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._descendants: list[psutil.Process] = []
        self._searched_at = 0.0

    def _read(self) -> None:
        with open(self._output.fileno(), "rb", closefd=False) as output:
            for line in output:
                self._lines.append(line.decode(errors="replace").rstrip()[:LOG_WIDTH])

    @property
    def log(self) -> str:
        """The last lines that the child printed."""
        return "\n".join(list(self._lines))

    @property
    def returncode(self) -> int | None:
        """None while the child is running; negative if a signal killed it."""
        return self.process.exitcode

    def wait(self, timeout_s: float) -> bool:
        """Wait for the child to exit; False if it is still running after the time."""
        self.process.join(timeout_s)
        return self.returncode is not None

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
        self.process.kill()  # if it has no group yet
        self.process.join()
        deadline = time.monotonic() + GROUP_END_S
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except (ProcessLookupError, PermissionError):
                break
            time.sleep(0.02)
        self._reader.join(timeout=1)
        self._keep_open.close()


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
