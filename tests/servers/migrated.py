"""A migrated SQLite database, made once for a test run and copied: its migrations take 1.5 s of CPU."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN_FOLDER = "TEST_RUN_FOLDER"  # the environment variable with the folder of the run, which its workers share


def copy_database(path: Path) -> None:
    """Put a copy at a path, as the platform names the file."""
    folder = Path(os.environ[RUN_FOLDER])
    with open(folder / "migrated.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first one migrates, the others wait
        if not (folder / "migrated").exists():
            _migrate(folder / "unfinished")
            (folder / "unfinished").rename(folder / "migrated")
    shutil.copy(folder / "migrated/ml_registry.db", path)


def _migrate(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder)}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "--skip-checks"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
