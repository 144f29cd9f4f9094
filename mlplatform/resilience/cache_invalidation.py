"""A word to every process on this box that something was changed, for those that keep an answer for a while.

A process that remembers what is live, or which tokens are valid, compares a file's time, which costs a microsecond,
instead of asking the database. Other machines learn of a change when what they remember has run out.
"""

import contextlib
import os
import time
from functools import cache
from pathlib import Path

from django.conf import settings

LOOK_EVERY_S = 0.01  # every look is a system call, in which a busy process changes threads
RELEASES = "releases"
TOKENS = "tokens"

_seen: dict[str, tuple[float, int]] = {}  # by path: when it was looked at, and what it said


@cache
def _path(topic: str) -> str:
    return f"{settings.DATA_DIR}/.changed_{topic}"


def announce(topic: str) -> None:
    """Say that what was remembered of a topic is no longer true. Call it when the change is committed."""
    path = Path(_path(topic))
    with contextlib.suppress(OSError):  # a full or read-only disk: what is remembered runs out by itself
        path.touch()
        now = time.time_ns()  # finer than the clock by which the file system stamps
        os.utime(path, ns=(now, now))
    _seen.pop(str(path), None)


def last_change(topic: str) -> int:
    """A number that changes with every announcement on this box; known for 10 ms."""
    path, now = _path(topic), time.monotonic()
    looked_at, said = _seen.get(path, (0.0, 0))
    if now - looked_at < LOOK_EVERY_S:
        return said
    try:
        said = os.stat(path).st_mtime_ns
    except OSError:
        said = 0
    _seen[path] = now, said
    return said
