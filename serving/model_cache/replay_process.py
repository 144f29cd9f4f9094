"""Predict golden rows in a child process, which an artifact of another scikit-learn may crash: both of its ends."""

import json
import time
from collections.abc import Callable

from mlplatform.jobs.children.process import ChildProcess, NotStarted
from registry import artifacts
from serving.engine.replay import Replay, replay
from serving.engine.verification import GoldenRows

TIMEOUT_S = 60  # including the imports of the process: most take 4
RENEW_S = 2
RESULT = "result: "  # starts the line that the child prints


class NoResult(Exception):
    """The process ended without a result; the message says why."""


def run(work: dict, *, renew: Callable[[], object], timeout_s: float = TIMEOUT_S) -> dict:
    """The result of replay_copy() in a child process. Calls `renew` every two seconds. Raises NoResult."""
    try:
        child = ChildProcess(f"{__name__}.print_replay", **work)
    except NotStarted as error:
        raise NoResult("no process could be started for the check") from error
    try:
        deadline = time.monotonic() + timeout_s
        while not child.wait(min(RENEW_S, timeout_s)):
            if time.monotonic() > deadline:
                raise NoResult(f"the check exceeded its {timeout_s:g}-second limit")
            renew()
    finally:
        child.kill()
    lines = [line for line in child.log.splitlines() if line.startswith(RESULT)]
    if not lines:
        raise NoResult(f"the process of the check exited with code {child.returncode}")
    return json.loads(lines[-1].removeprefix(RESULT))


def print_replay(**work) -> None:
    """What the child process runs. It has no database."""
    print(RESULT + json.dumps(replay_copy(**work).to_dict(), ensure_ascii=False))  # noqa: T201 - run() reads it


def replay_copy(*, path: str, sha256: str, signature: dict, golden: dict, engine: str) -> Replay:
    """Load a verified copy of an artifact and replay the golden rows of its version."""
    try:
        pipeline = artifacts.load_copy(path, sha256)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - an artifact of another version can fail in any way
        return Replay(reason=f"loading it failed with {type(error).__name__}: {error}"[:200])
    return replay(pipeline, signature, GoldenRows(**golden), engine=engine)
