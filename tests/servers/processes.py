"""Processes that a test run starts and ends, in folders that are removed with it."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

PORTS = range(10_000, 32_000)  # below those that Linux and macOS choose for outgoing connections
MAX_WORKERS = 16
WAIT_S = 180  # the first start on a busy machine took 70

CLEANER = """
import contextlib, os, shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
groups, paths = {}, set()
for line in sys.stdin:
    what, _, value = line.rstrip("\\n").partition(" ")
    if what == "path":
        paths.add(value)
    elif what == "end":
        del groups[value]
    else:
        groups[value] = int(what)
def send(group, number):
    with contextlib.suppress(OSError):
        os.killpg(int(group), number)
        return True
for group, number in groups.items():
    send(group, number)
deadline = time.monotonic() + 5
while time.monotonic() < deadline and any([send(group, 0) for group in groups]):
    time.sleep(0.05)
for group in groups:
    send(group, signal.SIGKILL)
for path in paths:
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.unlink(path)
"""


class Processes:
    """Starts each process in its own group, and ends it.

    A cleaner process ends the remaining ones and removes the folders when the test run is gone, also if it was killed.
    """

    def __init__(self):
        self._cleaner = subprocess.Popen(
            [sys.executable, "-c", CLEANER], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        self._running: list[subprocess.Popen] = []

    def _register(self, line: str) -> None:
        self._cleaner.stdin.write(line + "\n")
        self._cleaner.stdin.flush()

    def folder(self, name: str) -> Path:
        """A new folder, removed at the end of the run."""
        path = Path(tempfile.mkdtemp(prefix=f"mlmp-{name}-"))
        self.remove_at_end(path)
        return path

    def remove_at_end(self, path: Path) -> None:
        self._register(f"path {path}")

    def start(
        self,
        command: list,
        *,
        log: Path,
        env: dict | None = None,
        user: str | None = None,
        last: signal.Signals = signal.SIGKILL,
        pipes: bool = False,
    ) -> subprocess.Popen:
        """Start a process; `last` is the signal that ends it with the run, `pipes` are its input and output as text."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=env,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                text=pipes,
                start_new_session=True,
                cwd=log.parent if user else None,
                **({"user": user, "extra_groups": []} if user else {}),
            )
        self._register(f"{last:d} {process.pid}")
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen, number: int = signal.SIGTERM, *, within: float = 60) -> int:
        """Ask a process to end and return its code; its whole group is killed if it does not."""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        self._register(f"end {process.pid}")
        self._running.remove(process)
        return process.returncode

    def stop_all(self) -> None:
        """Let the cleaner end everything: nothing here needs a graceful end."""
        self._cleaner.stdin.close()
        for process in self._running:
            process.wait(20)
        self._cleaner.wait(30)


def group_leaders(process: subprocess.Popen) -> list[psutil.Process]:
    """The descendants that lead a process group: of a training worker, its training process."""
    return [child for child in psutil.Process(process.pid).children(recursive=True) if leads_group(child.pid)]


def leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens, and which no other worker of the run and no outgoing connection can take."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    candidates = list(range(PORTS.start + number % MAX_WORKERS, PORTS.stop, MAX_WORKERS))
    random.shuffle(candidates)
    with contextlib.ExitStack() as stack:
        ports = []
        while len(ports) < count:
            port = candidates.pop()
            with contextlib.suppress(OSError):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
                ports.append(port)
        return ports


def until(condition, *, what: str, within: float = WAIT_S, pause: float = 0.1):
    """Wait for a true value and return it. Raises AssertionError with `what` after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within:.0f} s.")
        time.sleep(pause)
