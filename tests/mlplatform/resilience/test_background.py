"""Work beside the request: who waits for it, and for how long."""

import threading
import time
from concurrent.futures import Future

import pytest
from django.db import connections

from mlplatform.resilience import background, circuit_breaker
from mlplatform.resilience.background import SingleFlight

SOON_S = 0.05


@pytest.fixture
def besides(monkeypatch):
    monkeypatch.setattr(background, "RENEWAL_S", 0.3)
    return SingleFlight(2, "test")


@pytest.fixture
def blocked():
    """Work that ends when it is told to."""
    go_on = threading.Event()

    def work():
        go_on.wait(10)
        return "found"

    work.end = go_on.set
    yield work
    go_on.set()


def renewed_in_a_thread(besides, work) -> threading.Thread:
    thread = threading.Thread(
        target=besides.refresh, args=["key", work], kwargs={"known": "known", "overdue_s": 0}
    )
    thread.start()
    time.sleep(SOON_S)
    return thread


def timed(call) -> tuple[object, float]:
    start = time.monotonic()
    return call(), time.monotonic() - start


def test_one_waits_and_the_others_go_on_with_what_is_known(besides, blocked):
    first = renewed_in_a_thread(besides, blocked)
    found, took = timed(lambda: besides.refresh("key", blocked, known="known", overdue_s=0))
    assert found == "known"
    assert took < SOON_S
    blocked.end()
    first.join()


def test_after_a_pause_the_others_wait_too(besides, blocked):
    renewed_in_a_thread(besides, blocked)
    threading.Timer(SOON_S, blocked.end).start()
    assert besides.refresh("key", blocked, known="known", overdue_s=60) == "found"


def test_nobody_waits_longer_than_a_renewal_may_take(besides, blocked):
    renewed_in_a_thread(besides, blocked)
    found, took = timed(lambda: besides.refresh("key", blocked, known="known", overdue_s=60))
    assert found == "known"
    assert took < background.RENEWAL_S
    time.sleep(background.RENEWAL_S)
    found, took = timed(lambda: besides.refresh("key", blocked, known="known", overdue_s=60))
    assert found == "known"
    assert took < SOON_S


def test_work_that_was_late_once_is_waited_for_again(besides, blocked):
    assert besides.refresh("key", blocked, known="known", overdue_s=0) == "known"
    blocked.end()
    time.sleep(SOON_S)
    assert besides.refresh("key", blocked, known="known", overdue_s=0) == "found"


def test_while_the_database_is_silent_only_what_is_overdue_is_waited_for(besides, monkeypatch):
    silent = circuit_breaker.CircuitBreaker()
    silent.ended(in_time=False)
    monkeypatch.setattr(circuit_breaker, "database", silent)

    def work():
        time.sleep(SOON_S)
        return "found"

    assert besides.refresh("one", work, known="known", overdue_s=0) == "known"
    assert besides.refresh("another", work, known="known", overdue_s=60) == "found"


def test_what_is_found_in_the_moment_in_which_the_wait_ends_is_the_answer(besides):
    class JustInTime(Future):
        def result(self, timeout=None):
            if not self.done():
                self.set_result("found")
                raise TimeoutError
            return super().result(timeout)

    assert SingleFlight._result(JustInTime(), 0, "otherwise") == "found"


@pytest.mark.parametrize("is_rare", [True, False])
def test_rare_work_gives_its_database_connection_back(monkeypatch, is_rare):
    closed = []
    monkeypatch.setattr(
        type(connections["default"]), "close", lambda self: closed.append(threading.current_thread().name)
    )
    besides = SingleFlight(1, "test", is_rare=is_rare)
    assert besides.within(5, {"key": lambda: "found"}, otherwise="nothing") == ["found"]
    assert closed == ["test_0"] * is_rare
