"""Machines whose clock is wrong."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

from django.utils import timezone

CLOCKS = {"a minute ahead": 60, "a minute behind": -60}


@contextlib.contextmanager
def machine_clock(seconds: int) -> Iterator[None]:
    """A block that runs on a machine whose clock is this many seconds ahead."""
    now = timezone.now
    with mock.patch("django.utils.timezone.now", lambda: now() + timedelta(seconds=seconds)):
        yield


def environment(seconds: int, env: dict[str, str]) -> dict[str, str]:
    """The environment of a process on such a machine, which imports sitecustomize.py when it starts."""
    path = f"{Path(__file__).parent}:{env['PYTHONPATH']}"
    return env | {"PYTHONPATH": path, "CLOCK_AHEAD_S": str(seconds)}
