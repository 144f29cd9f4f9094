"""A word to every process on this box that something was changed, for those that keep an answer for a while.

A process that remembers what is live, or which tokens are valid, compares a file's time, which costs a microsecond,
instead of asking the database. Other machines learn of a change when what they remember has run out.
"""

import contextlib
import os
import time
from pathlib import Path

from django.conf import settings

RELEASES = "releases"
TOKENS = "tokens"


def _path(topic: str) -> str:
    return f"{settings.DATA_DIR}/.changed_{topic}"


def announce(topic: str) -> None:
    """Say that what was remembered of a topic is no longer true. Call it when the change is committed."""
    path = Path(_path(topic))
    with contextlib.suppress(OSError):  # a full or read-only disk: what is remembered runs out by itself
        path.touch()
        now = time.time_ns()  # finer than the clock by which the file system stamps
        os.utime(path, ns=(now, now))


def stamp(topic: str) -> int:
    """A number that changes with every announcement on this box."""
    try:
        return os.stat(_path(topic)).st_mtime_ns
    except OSError:
        return 0
