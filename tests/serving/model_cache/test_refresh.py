"""ModelCache.refresh(): entries follow the releases without a request that waits."""

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mlplatform.errors import NotFound
from registry.artifacts import ArtifactRefused
from registry.models import ModelVersion, Release, Stage
from registry.releases import history
from registry.releases.deletion import delete_version
from registry.releases.promotion import promote, retire
from serving.model_cache.cache import IN_USE_S, RECHECK_S
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
    assert not cache.refresh()  # compares each entry with its release
    clock.advance(1)
    with django_assert_num_queries(1):  # for the changes
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
    with history.in_turn(first.dataset):
        second.save()
        first.save()


def test_a_change_of_one_dataset_rechecks_its_entries_only(cache, clock, make_dataset, make_version, admin):
    entries = {}
    for name in ("flowers", "trees"):
        make_version(make_dataset(name))
        entries[name] = cache.get(name, stage="dev")
    cache.refresh()
    clock.advance(1)
    make_version(entries["trees"].release.dataset.version())
    with CaptureQueriesContext(connection) as queries:
        refresh_until_loaded(cache)
    rechecks = [query["sql"] for query in queries if "stage_is_live" in query["sql"]]
    assert f"IN ({entries['trees'].release.pk})" in rechecks[0]
    assert cache.get("flowers", stage="dev") is entries["flowers"]
    assert cache.get("trees", stage="dev").release.number == 2


@pytest.mark.usefixtures("two_versions")
def test_a_change_that_has_no_number_is_noticed_within_seconds(cache, clock):
    """Of a process of an earlier version, during an upgrade."""
    assert live_number(cache) == 2
    cache.refresh()
    Release.objects.live().update(ended_at=timezone.now())
    cache.refresh()
    assert live_number(cache) == 2
    clock.advance(RECHECK_S)
    cache.refresh()
    with pytest.raises(NotFound):
        live_number(cache)


def test_all_entries_are_rechecked_in_turn(cache, clock, make_version, admin, monkeypatch):
    monkeypatch.setattr("serving.model_cache.cache.RECHECKED", 2)
    version = make_version()
    for stage in ("staging", "production"):
        promote(version, stage=stage, by=admin)
    for stage in Stage.values:
        cache.get("flowers", stage=stage)
    cache.refresh()
    Release.objects.live().update(ended_at=timezone.now())
    for left in (2, 0):
        clock.advance(RECHECK_S)
        cache.refresh()
        assert len(cache) == left


@pytest.mark.usefixtures("two_versions")
def test_a_change_is_not_forgotten_if_the_database_goes_down_while_it_is_read(cache):
    assert live_number(cache) == 2
    cache.refresh()
    release_elsewhere(1)
    with later_queries_fail(), pytest.raises(OperationalError):
        cache.refresh()
    refresh_until_loaded(cache)
    assert live_number(cache) == 1


def later_queries_fail():
    queries = []

    def refuse(execute, sql, params, many, context):
        queries.append(sql)
        if len(queries) > 1:
            raise OperationalError("gone")
        return execute(sql, params, many, context)

    return connection.execute_wrapper(refuse)


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
