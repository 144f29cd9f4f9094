"""The first load of a model: shared by all that need it, with time limits."""

import contextlib
import threading
import time

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from mlplatform.errors import NotReady
from serving.prediction import predict
from tests.serving.model_cache.conftest import live_number, load_count

pytestmark = pytest.mark.usefixtures("committed")


def in_threads(call, count: int) -> list[threading.Thread]:
    def run():
        call()
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_concurrent_requests_share_one_load(cache, make_version):
    make_version()
    before, entries = load_count(), []
    for thread in in_threads(lambda: entries.append(cache.get("flowers", stage="dev")), 8):
        thread.join()
    assert len(entries) == 8
    assert len({id(entry.model) for entry in entries}) == 1
    assert load_count() == before + 1


def test_each_request_for_a_refused_model_is_counted(make_version, admin, truncate_artifact):
    """Requests that share a load get the same exception."""
    truncate_artifact(make_version())
    labels = {"model": "", "version": "", "environment": "", "protocol": "native", "outcome": "not_ready"}

    def refused() -> float:
        return REGISTRY.get_sample_value("mlmp_predict_requests_total", labels) or 0

    def request():
        with contextlib.suppress(NotReady):
            predict("flowers", stage="dev", rows=[[9, 1.6, "blue"]], by=admin)

    before = refused()
    for thread in in_threads(request, 6):
        thread.join()
    assert refused() == before + 6


def test_a_slow_load_holds_only_a_few_threads(make_cache, make_version, slow_artifact):
    """One request may wait for it; the others leave their threads to other models."""
    cache = make_cache(short_wait_s=0.1, load_timeout_s=60, max_waiting=1)
    results = []

    def request():
        try:
            results.append(live_number(cache))
        except NotReady as error:
            results.append(error.code)
            refused.release()

    refused = threading.Semaphore(0)
    artifact = slow_artifact(make_version())
    threads = in_threads(request, 4)
    for _ in range(3):
        assert refused.acquire(timeout=30)
    assert results == ["model_loading"] * 3
    artifact.finish()
    for thread in threads:
        thread.join()
    assert results[3] == 1


def test_a_load_that_exceeds_its_time_limit_continues(make_cache, make_version, slow_artifact):
    cache = make_cache(short_wait_s=0, load_timeout_s=0)
    before, version = load_count(), make_version()
    artifact = slow_artifact(version)
    for _ in range(2):
        with pytest.raises(NotReady, match="being loaded"):
            live_number(cache)
    artifact.finish()
    while not cache.models.get(version.pk):
        time.sleep(0.01)
    assert live_number(cache) == 1
    assert load_count() == before + 1


def test_the_entry_of_a_long_load_is_not_kept(make_cache, clock, make_version, make_dataset, slow_artifact):
    """Another release may have taken its place meanwhile: the next request looks it up again."""
    cache = make_cache(is_refreshed=True, clock=clock)
    source = make_dataset()
    numbers = []
    artifact = slow_artifact(make_version(source))
    (thread,) = in_threads(lambda: numbers.append(live_number(cache)), 1)
    artifact.wait_for_load()
    make_version(source)
    clock.advance(4)
    artifact.finish()
    thread.join()
    assert numbers == [1]
    assert live_number(cache) == 2
