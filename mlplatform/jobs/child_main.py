"""What a child process of child_process.py runs: its work, until that is done or the worker has died."""

import io
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import django
from django.utils.module_loading import import_string

OOM_SCORE = Path("/proc/self/oom_score_adj")  # Linux


def run(work: str, arguments: dict, worker: Connection, output: Connection) -> None:
    """Call the function `work` (a dotted path) in a process group of its own. What it prints goes to `output`.

    The group is killed as soon as the worker's end of `worker` closes.
    """
    os.setsid()
    if OOM_SCORE.exists():
        OOM_SCORE.write_text("1000")  # if memory runs out, the kernel kills this process first
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    sys.stdout, sys.stderr = WorkerPipe(_unbuffered(1)), WorkerPipe(_unbuffered(2))
    threading.Thread(target=_exit_with_worker, args=[worker], daemon=True).start()
    django.setup()  # without effect if the server has imported child_imports.py
    import_string(work)(**arguments)


def _unbuffered(descriptor: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(open(descriptor, "wb", buffering=0, closefd=False), write_through=True)


def _exit_with_worker(worker: Connection) -> None:
    worker.poll(None)
    _kill_group()


def _kill_group() -> None:
    os.killpg(0, signal.SIGKILL)  # joblib's processes would otherwise finish their work first


class WorkerPipe(io.TextIOBase):
    """Output to the worker. Kills the process group if the worker has died.

    An exception would fail the fit instead: estimators replace it with their own, which the job would then show.
    """

    def __init__(self, out):
        self.out = out

    def write(self, text: str) -> int:
        try:
            return self.out.write(text)
        except BrokenPipeError:
            _kill_group()

    def flush(self) -> None:
        self.out.flush()
