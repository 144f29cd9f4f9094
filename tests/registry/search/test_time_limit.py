"""What ends a fit that takes too long."""

import os
import signal
import time

import psutil
import pytest

from registry.search.time_limit import Crashed, TimeIsOver, call_in_process, limited


def forked() -> list[psutil.Process]:
    return psutil.Process().children()


def fail():
    raise ValueError("too few rows")


def test_a_function_in_a_process_returns_and_raises_as_it_does_here():
    assert call_in_process(lambda: {"pid": os.getpid() != os.getppid()}, limit_s=60) == {"pid": True}
    with pytest.raises(ValueError, match="too few rows"):
        call_in_process(fail, limit_s=60)


def test_a_process_is_killed_when_its_time_is_over():
    before = forked()
    with pytest.raises(TimeIsOver):
        call_in_process(lambda: time.sleep(600), limit_s=0.1)
    assert forked() == before


def test_a_process_that_crashes_has_the_signal_and_one_that_is_killed_had_no_memory():
    with pytest.raises(Crashed, match="ended with signal SIGTERM"):
        call_in_process(lambda: os.kill(os.getpid(), signal.SIGTERM), limit_s=60)
    with pytest.raises(Crashed, match="ended with exit code 3"):
        call_in_process(lambda: os._exit(3), limit_s=60)
    with pytest.raises(MemoryError):
        call_in_process(lambda: os.kill(os.getpid(), signal.SIGKILL), limit_s=60)


def test_what_cannot_be_sent_is_an_error():
    with pytest.raises(RuntimeError, match="lambda"):
        call_in_process(lambda: lambda: 1, limit_s=60)


def test_a_library_that_makes_a_keyboard_interrupt_of_the_signal_is_out_of_time():
    """As CatBoost does."""
    with pytest.raises(TimeIsOver), limited(0.01):
        try:
            time.sleep(600)
        except TimeIsOver:
            raise KeyboardInterrupt from None
    with pytest.raises(KeyboardInterrupt), limited(600):
        raise KeyboardInterrupt
