"""The child's end of child_process.py: wait for work, and exit when the worker has died."""

import io
import json
import os
import sys
import threading
from pathlib import Path

OOM_SCORE = Path("/proc/self/oom_score_adj")  # Linux


def wait_for_work() -> dict | None:
    """Signal that the imports are done, and return the work that the worker assigns; None if the worker has died.

    From then on the process exits as soon as the worker's ends of the pipes close.
    """
    if OOM_SCORE.exists():
        OOM_SCORE.write_text("1000")  # if memory runs out, the kernel kills this process first
    print("ready", flush=True)  # noqa: T201 - child_process.READY_LINE
    line = sys.stdin.buffer.readline()
    if not line:
        return None
    sys.stdout, sys.stderr = WorkerPipe(sys.stdout), WorkerPipe(sys.stderr)
    threading.Thread(target=_exit_with_worker, daemon=True).start()
    return json.loads(line)


def _exit_with_worker() -> None:
    os.read(0, 1)  # not sys.stdin: Python ends with a fatal error while a thread holds its lock
    os._exit(1)


class WorkerPipe(io.TextIOBase):
    """Output to the worker. Exits the process if the worker has died.

    An exception would fail the fit instead: estimators replace it with their own, which the job would then show.
    """

    def __init__(self, out):
        self.out = out

    def write(self, text: str) -> int:
        try:
            return self.out.write(text)
        except BrokenPipeError:
            os._exit(1)

    def flush(self) -> None:
        self.out.flush()
