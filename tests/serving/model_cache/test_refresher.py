"""The thread that refreshes a cache."""

import threading

import pytest
from django.db import OperationalError

from serving.model_cache.refresher import Refresher


class FailingCache:
    """Fails in the first refresh with a bug, in the second for want of a database, and counts the calls."""

    is_refreshed = False

    def __init__(self):
        self.calls = 0

    def refresh(self) -> bool:
        self.calls += 1
        if self.calls < 3:
            raise [ValueError("bug"), OperationalError("gone")][self.calls - 1]
        return False


@pytest.mark.django_db
def test_the_refresher_survives_failures_and_ends_with_its_process(caplog):
    cache = FailingCache()
    is_on = lambda: cache.calls < 3  # noqa: E731
    thread = Refresher(cache, tick_s=0.001, poll_s=0.001, retry_s=0.001).start(is_on)
    thread.join(10)
    assert cache.calls == 3
    assert not cache.is_refreshed
    assert [record.getMessage() for record in caplog.records if record.name.endswith("refresher")] == [
        "Refreshing the model cache failed; next try in 0.001 s"
    ]


def test_a_cache_is_refreshed_while_its_refresher_runs(refreshed_cache, make_cache):
    cache, stop = make_cache(), threading.Event()
    thread = Refresher(cache).start(lambda: not stop.is_set())
    assert cache.is_refreshed
    stop.set()
    thread.join(10)
    assert not cache.is_refreshed
