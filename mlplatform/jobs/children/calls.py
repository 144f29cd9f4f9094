"""Call a function in a child process, within limits of time and memory: both of its ends."""

import contextlib
import resource
import signal
import threading
from collections.abc import Iterable, Iterator

import psutil
from django.core.exceptions import ValidationError

from mlplatform import errors
from mlplatform.jobs.children.process import ChildProcess, NotStarted

ERROR = "error"  # the only key of a result that is an error


class ChildDied(Exception):
    """The message says how: by a signal or with an exit code."""


class Turns:
    """Lets a web process run at most `at_once` children of a kind at a time.

    The server could not start a process to `purpose`, or it is `busy`: these words are part of sentences.
    """

    def __init__(self, *, at_once: int, wait_s: float, purpose: str, busy: str):
        self._turns = threading.BoundedSemaphore(at_once)
        self.wait_s, self._purpose, self._busy = wait_s, purpose, busy

    @contextlib.contextmanager
    def child(self, path: str, **arguments) -> Iterator[ChildProcess]:
        """A child that calls the function of this dotted path, until the block ends.

        Raises NotReady if other children do not end, or if no process can be started.
        """
        if not self._turns.acquire(timeout=self.wait_s):
            raise errors.NotReady(f"The server is {self._busy}. Try again in a few seconds.", code="busy")
        try:
            child = self._start(path, arguments)
            try:
                yield child
            finally:
                child.kill()
        finally:
            self._turns.release()

    def _start(self, path: str, arguments: dict) -> ChildProcess:
        try:
            return ChildProcess(path, **arguments)
        except NotStarted as error:
            raise errors.NotReady(
                f"The server could not start a process to {self._purpose}. Try again in a moment.",
                code="busy",
            ) from error


def result(child: ChildProcess, timeout_s: float) -> object | None:
    """The next result of the child; None if there is none in time. Raises ChildDied, and the error of a result."""
    answer = child.next_result(timeout_s)
    if answer is None and child.returncode is not None:
        code = child.returncode
        raise ChildDied(signal.Signals(-code).name if code < 0 else f"code {code}")
    if isinstance(answer, dict) and answer.keys() == {ERROR}:
        raise _decoded(answer[ERROR])
    return answer


def results(answers: Iterable, *, memory_mb: int, out_of_memory: ValidationError) -> Iterator:
    """For the child: yields the answers within a limit of memory, and last the error if there is one."""
    try:
        with limited_memory(memory_mb):
            yield from answers
    except ValidationError as error:
        yield {ERROR: _encoded(error)}
    except MemoryError:
        yield {ERROR: _encoded(out_of_memory)}


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


def _encoded(error: ValidationError) -> dict:
    if hasattr(error, "error_dict"):
        fields = {name: [_encoded(one) for one in errors] for name, errors in error.error_dict.items()}
        return {"kind": type(error).__name__, "fields": fields}
    first = error.error_list[0]
    field = (first.params or {}).get("field")
    return {
        "kind": type(error).__name__, "message": first.messages[0], "code": first.code, "field": field
    }  # fmt: skip


def _decoded(values: dict) -> ValidationError:
    if "fields" in values:
        return ValidationError({name: list(map(_decoded, ones)) for name, ones in values["fields"].items()})
    kind = getattr(errors, values["kind"], ValidationError)
    if values["field"] is None:
        return kind(values["message"], code=values["code"])
    # With parameters, Django reads a message as a format.
    params = {"field": values["field"]}
    return kind(values["message"].replace("%", "%%"), code=values["code"], params=params)
