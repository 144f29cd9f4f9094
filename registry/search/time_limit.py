"""The time for the trials of a group, and a fit that is stopped when it is over."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlplatform.resilience import parent_process
from registry.estimators import threads

# Fits that return to Python in each iteration, by the start of the name of their algorithm: a signal ends them.
ITERATIVE = (
    "HistGradientBoosting", "GradientBoosting", "AdaBoost", "XGB", "LGBM", "CatBoost", "MLP", "Torch", "Keras",
    "Voting",
)  # fmt: skip
FIXED_S = 1.0  # to verify and to save a model
MARGIN = 1.3  # of the estimated time of the last fit
FEW_ROWS = 1_000  # of a fit that ends soon in any case: a process of its own costs 20 ms


class TimeIsOver(BaseException):
    """Not an Exception, so that an estimator does not handle it as a failure of its own."""


class Crashed(RuntimeError):
    """Native code has ended its process."""


def is_iterative(algorithm: str) -> bool:
    return algorithm.startswith(ITERATIVE)


@dataclass
class TimeBudget:
    """The seconds for trials, of which some are for the last fit. The trials of earlier attempts count."""

    seconds: float
    started: float

    def left(self, last_fit_s: float) -> float:
        reserve = FIXED_S + MARGIN * last_fit_s
        return self.seconds - (time.monotonic() - self.started) - min(reserve, self.seconds / 2)

    @property
    def share(self) -> float:
        return (time.monotonic() - self.started) / self.seconds


@contextlib.contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise TimeIsOver in the block after this time; None is no limit.

    A signal interrupts it between two steps of Python, such as the iterations of boosting; a fit that is one native
    call belongs into call_in_process(). Only a main thread receives signals: elsewhere the block ends by itself.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if seconds <= 0:
        raise TimeIsOver
    is_over = False

    def interrupt(number, frame):
        nonlocal is_over
        is_over = True
        raise TimeIsOver

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except KeyboardInterrupt:  # which CatBoost raises instead
        if not is_over:
            raise
        raise TimeIsOver from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def call_in_process(function: Callable[[], object], *, limit_s: float) -> object:
    """What the function returns or raises in a forked process, which is killed when the time is over.

    The process has the memory of this one, and one thread of OpenMP, whose others do not survive a fork. Raises
    TimeIsOver, Crashed if native code ends it, and MemoryError if the kernel has killed it.
    """
    if limit_s <= 0:
        raise TimeIsOver
    receiver, sender = multiprocessing.Pipe(duplex=False)
    parent = os.getpid()
    if not (pid := os.fork()):
        _answer(function, sender, parent)
    sender.close()
    try:
        with receiver:
            if not receiver.poll(limit_s):
                raise TimeIsOver
            is_returned, result = receiver.recv()
    except (EOFError, OSError):  # before its answer, or within it
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        pid = 0
        if code == -signal.SIGKILL:
            raise MemoryError from None
        reason = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise Crashed(f"Its process ended with {reason}.") from None
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if not is_returned:
        raise result
    return result


def _answer(function: Callable, sender, parent: int) -> None:
    """Send what the function returns or raises, and end this process without the exit handlers of its parent."""
    try:
        for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        parent_process.end_with(parent)
        try:
            with threads.limited_to({"openmp": 1}):
                answer = True, function()
        except Exception as error:  # noqa: BLE001 - raised again by the parent
            answer = False, error
        try:
            sender.send(answer)
        except Exception:  # noqa: BLE001 - it cannot be pickled, which has many errors
            sender.send((False, RuntimeError(str(answer[1]))))
    finally:
        os._exit(1)
