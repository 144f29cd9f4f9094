"""Processes that a test run starts and ends, in folders that go with the run."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_S = 60

LAST_WILL = """
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
    """Starts processes in groups of their own, and ends them.

    The last will is a process that ends what is left and removes its folders when this one is gone, also when
    it was killed.
    """

    def __init__(self):
        self._will = subprocess.Popen(
            [sys.executable, "-c", LAST_WILL], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        self._running: list[subprocess.Popen] = []

    def _tell(self, line: str) -> None:
        self._will.stdin.write(line + "\n")
        self._will.stdin.flush()

    def folder(self, name: str) -> Path:
        """A new folder that goes with the run."""
        path = Path(tempfile.mkdtemp(prefix=f"mlmp-{name}-"))
        self.leave_nothing_of(path)
        return path

    def leave_nothing_of(self, path: Path) -> None:
        self._tell(f"path {path}")

    def start(
        self,
        command: list,
        *,
        log: Path,
        env: dict | None = None,
        user: str | None = None,
        last: signal.Signals = signal.SIGKILL,
    ) -> subprocess.Popen:
        """Start a process; `last` is the signal that ends it together with the run."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=log.parent if user else None,
                **({"user": user, "extra_groups": []} if user else {}),
            )
        self._tell(f"{last:d} {process.pid}")
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen, number: int = signal.SIGTERM, *, within: float = 20) -> int:
        """Ask a process to end and return its code; its whole group is killed when it does not."""
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
        self._tell(f"end {process.pid}")
        self._running.remove(process)
        return process.returncode

    def stop_all(self) -> None:
        """End everything by carrying out the last will: nothing here is worth a graceful end."""
        self._will.stdin.close()
        for process in self._running:
            process.wait(20)
        self._will.wait(30)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def until(condition, *, what: str, within: float = START_S, pause: float = 0.1):
    """Wait for a true value and return it; fail with what was waited for."""
    deadline = time.monotonic() + within
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within:.0f} s.")
        time.sleep(pause)
