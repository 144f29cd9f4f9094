"""Which entry answers: live releases, versions by number, names, and look-ups that overtake each other."""

import threading

import pytest
from django.db import connection

from mlplatform.errors import NotFound
from registry.models import Stage
from registry.releases.deletion import delete_version
from registry.releases.promotion import promote, retire, rollback
from tests.serving.model_cache.conftest import before_first_query, live_number, load_count, release_elsewhere


def test_promotion_and_rollback_take_effect_in_the_next_request(cache, make_version, make_dataset, admin):
    source = make_dataset()
    promote(make_version(source), stage="production", by=admin)
    assert live_number(cache, "production") == 1
    promote(make_version(source), stage="production", by=admin)
    assert live_number(cache, "production") == 2
    rollback(source.dataset, stage="production", by=admin)
    assert live_number(cache, "production") == 1


@pytest.mark.usefixtures("two_versions")
def test_without_a_refresher_each_request_finds_a_release_from_another_machine(cache):
    assert live_number(cache) == 2
    release_elsewhere(1)
    assert live_number(cache) == 1


@pytest.mark.usefixtures("two_versions")
def test_without_a_refresher_a_request_for_a_model_in_memory_takes_one_query(
    cache, django_assert_num_queries
):
    entry = cache.get("flowers", stage="dev")
    with django_assert_num_queries(1):
        assert cache.get("flowers", stage="dev") is entry


@pytest.mark.usefixtures("committed", "two_versions")
def test_concurrent_requests_all_find_a_release_from_another_machine(cache):
    assert live_number(cache) == 2
    release_elsewhere(1)
    barrier, numbers = threading.Barrier(6), []

    def request():
        barrier.wait()
        numbers.append(live_number(cache))
        connection.close()

    threads = [threading.Thread(target=request) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == [1] * 6


def test_all_spellings_of_a_dataset_name_share_one_entry(cache, make_version):
    make_version()
    entry = cache.get("flowers", stage="dev")
    assert all(cache.get(name, stage="dev") is entry for name in ("Flowers", "flowers.csv", " FLOWERS "))
    assert len(cache) == 1


def test_a_version_promoted_to_all_stages_is_one_model_in_memory(cache, make_version, admin):
    version = make_version()
    for stage in ("staging", "production"):
        promote(version, stage=stage, by=admin)
    first, *others = [cache.get("flowers", stage=stage) for stage in Stage.values]
    assert all(entry.model is first.model for entry in others)
    assert len({entry.release.key for entry in (first, *others)}) == 3


def test_promotion_verifies_the_copied_artifact(cache, make_version, admin):
    version = make_version()
    live_number(cache)
    before = load_count()
    promote(version, stage="staging", by=admin)
    assert load_count() == before + 1


def test_a_verified_artifact_answers_without_another_load(cache, make_version):
    version = make_version()
    cache.verify(version, version.releases.get().key)
    before = load_count()
    assert live_number(cache) == 1
    assert load_count() == before


@pytest.mark.usefixtures("two_versions")
def test_an_overtaken_look_up_returns_the_entry_of_the_later_one(cache):
    later = []
    with before_first_query(lambda: later.append(cache.get("flowers", stage="dev"))):
        entry = cache.get("flowers", stage="dev")
    assert entry is later[0] is cache.get("flowers", stage="dev")


@pytest.mark.usefixtures("two_versions")
def test_a_release_after_a_later_look_up_is_found_by_the_next_request(cache):
    """The first look-up begins before and queries after the release; the one in between confirms version 2."""
    assert live_number(cache) == 2

    def overtake():
        cache.refresh()
        release_elsewhere(1)

    with before_first_query(overtake):
        live_number(cache)
    assert live_number(cache) == 1


def test_a_retired_stage_serves_nothing_and_says_when_it_was_retired(cache, make_version, admin):
    version = make_version()
    promote(version, stage="production", by=admin)
    live_number(cache, "production")
    release = retire(version.dataset, stage="production", by=admin)
    for number in (None, 1):
        with pytest.raises(
            NotFound, match=f"retired from production on {release.ended_at:%Y-%m-%d at %H:%M}"
        ):
            cache.get("flowers", stage="production", version=number)
    assert cache.get("flowers", stage=None, version=1).release.number == 1


def test_a_deleted_version_is_not_found_and_its_deletion_is_the_reason(
    cache, make_dataset, make_version, admin
):
    source = make_dataset()
    first, _ = make_version(source), make_version(source)
    cache.get("flowers", stage="dev", version=1)
    delete_version(first, by=admin)
    with pytest.raises(NotFound, match="Version 1 of `flowers` was deleted"):
        cache.get("flowers", stage="dev", version=1)
