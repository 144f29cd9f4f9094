"""SingleFlight: each key runs at most once at a time, and callers need not wait."""

import threading
from concurrent.futures import Future

import pytest
from django.db import connections, transaction

from mlplatform.resilience.background import SingleFlight, result_within


@pytest.fixture
def blocked():
    """A function that returns when the test calls its finish()."""
    finished = threading.Event()

    def function():
        finished.wait(30)
        return "result"

    function.finish = finished.set
    yield function
    finished.set()


def test_callers_share_the_run_of_a_key(blocked):
    flights = SingleFlight(2, "test")
    first, second = flights.start("key", blocked), flights.start("key", lambda: "another run")
    assert first is second
    other = flights.start("other key", lambda: "result of another key")
    assert other.result(30) == "result of another key"
    blocked.finish()
    assert first.result(30) == "result"


def test_a_key_runs_again_after_its_run_has_ended(blocked):
    flights = SingleFlight(1, "test")
    blocked.finish()
    assert flights.start("key", blocked).result(30) == "result"
    assert flights.start("one thread, so this begins after the end of the first", str).result(30) == ""
    assert flights.start("key", lambda: "second result").result(30) == "second result"


def test_a_result_that_takes_too_long_is_replaced_by_the_default(blocked):
    future = SingleFlight(1, "test").start("key", blocked)
    assert result_within(future, 0, default="default") == "default"
    blocked.finish()
    assert result_within(future, 30, default="default") == "result"


def test_a_failure_is_raised_to_every_caller():
    def fail():
        raise TimeoutError("by the function, not by the wait")

    future = SingleFlight(1, "test").start("key", fail)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="by the function"):
            result_within(future, 30, default="default")


def test_a_result_that_arrives_at_the_end_of_the_wait_is_returned():
    class DoneAfterTheWait(Future):
        """`wait` sees it as running; done() sees the result."""

        def done(self):
            if not super().done():
                self.set_result("result")
            return super().done()

    assert result_within(DoneAfterTheWait(), 0, default="default") == "result"


@pytest.mark.django_db
def test_inside_a_transaction_the_function_runs_in_the_calling_thread():
    threads = []
    with transaction.atomic():
        future = SingleFlight(1, "test").start("key", lambda: threads.append(threading.current_thread()))
        assert future.done()
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize("close_connections", [True, False])
def test_threads_close_their_database_connection_if_asked_to(monkeypatch, close_connections):
    closed_by = []
    monkeypatch.setattr(
        type(connections["default"]), "close", lambda self: closed_by.append(threading.current_thread().name)
    )
    flights = SingleFlight(1, "test", close_connections=close_connections)
    assert flights.start("key", lambda: "result").result(30) == "result"
    assert closed_by == ["test_0"] * close_connections
