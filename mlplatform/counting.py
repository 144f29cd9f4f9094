"""The folder where the processes of one box count for /metrics, each in files of its own.

`manage.py run` makes it and names it in PROMETHEUS_MULTIPROC_DIR to the processes that count, before they import
prometheus_client.
"""

import contextlib
import glob
import os
import re

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def forget_the_dead() -> None:
    """Take what processes hold right now (models in memory) from the sum for those that were killed.

    What they have counted stays: a counter never goes back.
    """
    folder = os.environ.get(VARIABLE)
    for path in glob.glob(f"{glob.escape(folder)}/gauge_live*.db") if folder else []:
        pid = re.search(r"_(\d+)\.db$", path)
        if pid and not _lives(int(pid[1])):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
