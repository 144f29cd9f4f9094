"""What a child process of process.py runs: its work, until that is done or its client has died."""

import io
import json
import os
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

import django
from django.utils.module_loading import import_string

OOM_SCORE = Path("/proc/self/oom_score_adj")  # Linux
# How the messages to the client start: the child's process ID, a result as JSON, the exit code.
PID, RESULT, EXIT = b"p", b"r", b"x"


def run(client: Connection, output: int) -> int:
    """Call the function that the client names, in a process group of its own. Returns the exit code.

    What it prints goes to `output`, and the items that it returns or yields to the client. The group is killed as soon
    as the client's end closes.
    """
    os.setsid()
    client.send_bytes(PID + str(os.getpid()).encode())
    if OOM_SCORE.exists():
        OOM_SCORE.write_text("1000")  # if memory runs out, the kernel kills this process first
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    sys.stdout, sys.stderr = ClientPipe(_unbuffered(1)), ClientPipe(_unbuffered(2))
    try:
        work, arguments = client.recv()
        threading.Thread(target=_exit_with_client, args=[client], daemon=True).start()
        django.setup()  # without effect if the server has imported imports.py
        for result in import_string(work)(**arguments) or ():
            client.send_bytes(RESULT + json.dumps(result).encode())
    except BaseException:  # noqa: BLE001 - what Python does at the end of a process
        traceback.print_exc()
        return 1
    return 0


def _unbuffered(descriptor: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(open(descriptor, "wb", buffering=0, closefd=False), write_through=True)


def _exit_with_client(client: Connection) -> None:
    client.poll(None)
    _kill_group()


def _kill_group() -> None:
    os.killpg(0, signal.SIGKILL)  # joblib's processes would otherwise finish their work first


class ClientPipe(io.TextIOBase):
    """Output to the client. Kills the process group if the client has died.

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
