"""What a confined child process can still do, for test_confinement.py."""

import socket
import subprocess
import sys
from pathlib import Path

from mlplatform.jobs.children import confinement


def outcomes(*, folder: str, outside: str, port: int) -> list[dict]:
    """The error of each act, or None if it succeeded."""
    opened = open(Path(outside, "opened"))  # noqa: SIM115 - the process ends
    lacking = confinement.confine(folder, file_mb=1)
    acts = {
        "write_inside": lambda: Path(folder, "new").write_text("1"),
        "large_file": lambda: Path(folder, "large").write_bytes(bytes(2 * 1024**2)),
        "read_opened": opened.read,
        "write_outside": lambda: Path(outside, "new").write_text("1"),
        "overwrite": lambda: Path(outside, "opened").write_text("1"),
        "delete": Path(outside, "opened").unlink,
        "connect": lambda: socket.create_connection(("127.0.0.1", port), timeout=5),
        "start_program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    }
    return [{"lacking": lacking} | {name: _error(act) for name, act in acts.items()}]


def _error(act) -> str | None:
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return None
