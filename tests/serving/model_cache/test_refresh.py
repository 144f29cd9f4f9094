"""ModelCache.refresh() and the thread that calls it: entries follow the releases without a request that waits."""

import threading

import pytest
from django.db import OperationalError

from mlplatform.errors import NotFound
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Stage
from registry.releases.deletion import delete_version
from registry.releases.promotion import promote, retire
from serving.model_cache.cache import IN_USE_S
from serving.model_cache.refresher import Refresher
from serving.model_cache.resident_models import RETRY_LOAD_S
from tests.serving.model_cache.conftest import database_down, live_number, load_count, release_elsewhere


def refresh_until_loaded(cache) -> None:
    """As the refresher does while a model is loading."""
    while cache.refresh():
        pass


@pytest.fixture
def cache(refreshed_cache):
    return refreshed_cache


@pytest.mark.usefixtures("two_versions")
def test_refresh_loads_a_new_release_and_requests_do_not(cache):
    assert live_number(cache) == 2
    release_elsewhere(1)
    assert live_number(cache) == 2
    before = load_count()
    refresh_until_loaded(cache)
    assert load_count() == before + 1
    assert live_number(cache) == 1
    assert load_count() == before + 1


@pytest.mark.usefixtures("two_versions")
def test_requests_for_a_model_in_memory_do_not_query_the_database(cache, django_assert_num_queries):
    entry = cache.get("flowers", stage="dev")
    with django_assert_num_queries(0):
        assert cache.get("flowers", stage="dev") is entry


def test_refresh_confirms_all_entries_with_one_query(
    cache, clock, make_version, admin, django_assert_num_queries
):
    version = make_version()
    for stage in ("staging", "production"):
        promote(version, stage=stage, by=admin)
    places = [*({"stage": stage} for stage in Stage.values), {"stage": None, "version": 1}]
    entries = [cache.get("flowers", **place) for place in places]
    clock.advance(10)
    with django_assert_num_queries(1):
        assert not cache.refresh()
    assert [entry.confirmed_at for entry in entries] == [clock.now] * 4
    assert [cache.get("flowers", **place) for place in places] == entries


@pytest.mark.django_db
def test_refresh_of_an_empty_cache_does_not_query(cache, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not cache.refresh()


@pytest.mark.usefixtures("two_versions")
def test_the_release_of_an_idle_entry_is_loaded_by_the_next_request(cache, clock, admin):
    """Although its model is in use in another stage."""
    promote(ModelVersion.objects.get(number=2), stage="production", by=admin)
    dev = cache.get("flowers", stage="dev")
    clock.advance(IN_USE_S)
    assert cache.get("flowers", stage="production").model is dev.model
    release_elsewhere_in_dev()
    before = load_count()
    refresh_until_loaded(cache)
    assert load_count() == before
    assert live_number(cache) == 1
    assert load_count() == before + 1


def release_elsewhere_in_dev() -> None:
    first, second = (ModelVersion.objects.get(number=number).releases.get(stage="dev") for number in (1, 2))
    first.ended_at, second.ended_at = None, first.ended_at
    second.save()
    first.save()


@pytest.mark.usefixtures("committed")
def test_the_previous_model_answers_until_the_new_one_is_loaded(
    cache, make_dataset, make_version, slow_artifact
):
    source = make_dataset()
    first = make_version(source)
    artifact = slow_artifact(first)
    make_version(source)
    assert live_number(cache) == 2
    release_elsewhere(1)
    assert cache.refresh()
    assert live_number(cache) == 2
    artifact.finish()
    refresh_until_loaded(cache)
    assert live_number(cache) == 1


@pytest.mark.usefixtures("committed")
def test_a_failed_load_is_logged_and_retried_after_30_seconds(
    cache, clock, make_dataset, make_version, artifact_path, caplog
):
    source = make_dataset()
    path = artifact_path(make_version(source))
    content = path.read_bytes()
    path.unlink()
    make_version(source)
    live_number(cache)
    release_elsewhere(1)
    before = load_count("failed")
    refresh_until_loaded(cache)
    cache.refresh()
    assert load_count("failed") == before + 1
    lines = [record.getMessage() for record in caplog.records if "resident_models" in record.name]
    assert len(lines) == 1
    assert "flowers model version 1 could not be loaded" in lines[0]
    assert live_number(cache) == 2
    path.write_bytes(content)
    clock.advance(RETRY_LOAD_S)
    refresh_until_loaded(cache)
    assert live_number(cache) == 1


@pytest.mark.usefixtures("committed")
def test_a_release_whose_artifact_is_refused_ends_the_previous_one(
    cache, make_dataset, make_version, truncate_artifact
):
    source = make_dataset()
    truncate_artifact(make_version(source))
    make_version(source)
    assert live_number(cache) == 2
    release_elsewhere(1)
    refresh_until_loaded(cache)
    with pytest.raises(ArtifactRefused):
        live_number(cache)


@pytest.mark.usefixtures("committed")
def test_a_slow_load_does_not_bring_an_ended_release_back(cache, make_version, make_dataset, slow_artifact):
    source = make_dataset()
    make_version(source)
    assert live_number(cache) == 1
    artifact = slow_artifact(make_version(source))
    assert cache.refresh()
    third = make_version(source)
    cache.verify(third, third.releases.get().key)
    cache.refresh()
    assert live_number(cache) == 3
    artifact.finish()
    refresh_until_loaded(cache)
    assert live_number(cache) == 3


@pytest.mark.usefixtures("two_versions")
def test_refresh_leaves_the_cache_as_it_is_while_the_database_is_down(cache):
    assert live_number(cache) == 2
    with database_down():
        assert not Refresher(cache).refresh()
        assert live_number(cache) == 2


def test_refresh_drops_a_deleted_version(cache, make_version, admin):
    version = make_version()
    live_number(cache)
    delete_version(version, by=admin)
    cache.refresh()
    assert len(cache) == 0
    with pytest.raises(NotFound):
        live_number(cache)


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


def test_refresh_drops_what_a_retired_stage_served(cache, make_version, admin):
    version = make_version()
    promote(version, stage="production", by=admin)
    for number in (None, 1):
        cache.get("flowers", stage="production", version=number)
    retire(version.dataset, stage="production", by=admin)
    assert len(cache) == 2
    refresh_until_loaded(cache)
    assert len(cache) == 0
    for number in (None, 1):
        with pytest.raises(NotFound, match="retired from production"):
            cache.get("flowers", stage="production", version=number)
