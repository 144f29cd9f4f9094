"""The folder of a `manage.py run`: the keys of its cluster, its metrics, and the temporary files of its processes."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "ml-mini-platform-run-"
NEW_S = 60  # between its creation and its lock


@contextlib.contextmanager
def create() -> Iterator[str]:
    """A new folder, deleted at the end. It is locked until then, also by the end of a process that is killed."""
    _delete_left()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(descriptor)


def _delete_left() -> None:
    """Delete the folders of platforms that were killed: nothing locks them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another platform deletes it, or uses it
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                status = os.fstat(descriptor)
                if status.st_uid == os.getuid() and time.time() - status.st_mtime > NEW_S:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
            finally:
                os.close(descriptor)
