"""Signals to every process on this machine that cached data has changed.

A signal is the modification time of a file, which costs a microsecond to read. Processes on other machines do not see
it: their caches expire, or poll the database.
"""

import contextlib
import os
import time
from functools import cached_property
from pathlib import Path

from django.conf import settings

READ_EVERY_S = 0.01  # a read is a system call, during which a busy process switches threads


class ChangeSignal:
    """The last change of one kind of data. Threads may share it."""

    def __init__(self, name: str):
        self._name = name
        self._last_read: tuple[float, int] = (0.0, 0)  # when, and the result

    @cached_property
    def _path(self) -> Path:
        return Path(settings.DATA_DIR) / f".changed_{self._name}"

    def announce(self) -> None:
        """Signal a change. Call it after the commit."""
        with contextlib.suppress(OSError):  # a full or read-only disk: the caches still expire or poll
            self._path.touch(mode=0o600)
            now = time.time_ns()  # finer than the timestamps of some file systems
            os.utime(self._path, ns=(now, now))
        self._last_read = (0.0, 0)

    def last_change(self) -> int:
        """A number that differs after every change. At most 10 ms old."""
        now = time.monotonic()
        read_at, changed = self._last_read
        if now - read_at < READ_EVERY_S:
            return changed
        try:
            changed = os.stat(self._path).st_mtime_ns
        except OSError:
            changed = 0
        self._last_read = (now, changed)
        return changed


releases = ChangeSignal("releases")
tokens = ChangeSignal("tokens")
