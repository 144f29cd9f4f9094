"""The dry run in a child process with limits of time and memory, never in a web process: both of its ends."""

import contextlib
import resource
import signal
import threading
import time
from collections.abc import Iterator

import numpy
import psutil
from django.core.exceptions import ValidationError

from catalog.models import DatasetVersion
from catalog.profiling.sample import ROWS
from mlplatform.errors import NotReady
from mlplatform.jobs.child_process import ChildProcess, NotStarted
from registry.estimators import algorithms
from registry.estimators.algorithms import Algorithm
from registry.preflight import dry_run
from registry.preflight.trial import Source

FIT_UNTIL_S = 1.5  # after the start
CHECKS_S = 30  # to read the sample and check its columns: 0.2 s of CPU, which took 10 s on a busy machine
MEMORY_MB = 512
AT_ONCE = 2  # in a web process
WAIT_S = 30

SMALLER = "Use smaller parameters, such as fewer or smaller trees, layers or components."

_turns = threading.BoundedSemaphore(AT_ONCE)


class ChildDied(Exception):
    """The message says how: by a signal or with an exit code."""


def check(
    version: DatasetVersion,
    *,
    algorithm: Algorithm,
    fit_until_s: float = FIT_UNTIL_S,
    checks_s: float = CHECKS_S,
    memory_mb: int = MEMORY_MB,
    **options,
) -> list[dict]:
    """The warnings of a dry run, whose `options` and errors are those of `dry_run.check`.

    A fit that exceeds its time limit is killed and ignored. Raises ValidationError if the checks exceed theirs, or for
    an algorithm that needs too much memory, and NotReady if the object store does not respond, if other dry runs do not
    end, or if no process can be started.
    """
    source = Source.of(version)
    with _turn():
        start = time.monotonic()
        child = _start(source=source, algorithm=algorithm.name, memory_mb=memory_mb, **options)
        try:
            warnings = _result(child, checks_s)
            if warnings is None:
                raise ValidationError(
                    f"The checks before the training exceeded their {checks_s:g}-second limit. Select fewer features, "
                    "or try again when the server is less busy.",
                    code="preflight_timeout",
                )
            left_s = max(start + fit_until_s - time.monotonic(), 0)
            return warnings + (_result(child, left_s) or [])
        except ChildDied as error:
            raise ValidationError(
                f"The dry run of {algorithm.name} ended with {error}, as happens when it needs more than "
                f"{memory_mb} MB. {SMALLER}",
                code="out_of_memory",
                params={"field": "params"},
            ) from error
        finally:
            child.kill()


def _start(**arguments) -> ChildProcess:
    try:
        return ChildProcess(f"{__name__}.run", **arguments)
    except NotStarted as error:
        raise NotReady(
            "The server could not start a process to check the training. Try again in a moment.", code="busy"
        ) from error


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    if not _turns.acquire(timeout=WAIT_S):
        raise NotReady("The server is checking other trainings. Try again in a few seconds.", code="busy")
    try:
        yield
    finally:
        _turns.release()


def _result(child: ChildProcess, timeout_s: float) -> list[dict] | None:
    """The next warnings of the child; None if it has not found them in time.

    Raises ChildDied, and the error that the child has found.
    """
    result = child.next_result(timeout_s)
    if result is None and child.returncode is not None:
        code = child.returncode
        raise ChildDied(signal.Signals(-code).name if code < 0 else f"code {code}")
    if isinstance(result, dict):
        raise ValidationError(
            result["message"].replace("%", "%%"), code=result["code"], params={"field": result["field"]}
        )
    return result


def run(*, source: Source, algorithm: str, memory_mb: int, **options) -> Iterator[list[dict] | dict]:
    """What the child process runs: the lists of warnings, and last the error if there is one."""
    numpy.random.seed()
    try:
        with limited_memory(memory_mb):
            yield from dry_run.check(source, algorithm=algorithms.find(algorithm), **options)
    except ValidationError as error:
        field = (error.params or {}).get("field")
        yield {"message": error.messages[0], "code": error.code, "field": field}
    except MemoryError:
        yield {
            "message": f"{algorithm} needs more than {memory_mb} MB for a dry run on {min(source.rows, ROWS):,} rows. "
            f"{SMALLER}",
            "code": "out_of_memory",
            "field": "params",
        }


@contextlib.contextmanager
def limited_memory(limit_mb: int) -> Iterator[None]:
    """Let allocations fail with MemoryError beyond what the process has now and the limit, where Linux counts it."""
    used, unlimited = getattr(psutil.Process().memory_info(), "data", None), resource.RLIM_INFINITY
    if used is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (used + limit_mb * 1024**2, unlimited))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (unlimited, unlimited))
