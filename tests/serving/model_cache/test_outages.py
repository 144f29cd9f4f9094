"""Predictions while the database or the object store is down."""

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from mlplatform.errors import NotReady
from mlplatform.web import health
from serving.model_cache.cache import shared_cache
from tests.serving.model_cache.conftest import database_down, live_number, release_elsewhere

STALE_S = 60


@pytest.fixture(params=[True, False], ids=["refreshed", "without a refresher"])
def cache(request, make_cache, clock):
    return make_cache(stale_s=STALE_S, is_refreshed=request.param, clock=clock)


def test_models_in_memory_answer_while_the_database_is_down(cache, clock, make_version):
    make_version()
    entry = cache.get("flowers", stage="dev")
    clock.advance(STALE_S - 1)
    with database_down():
        assert cache.get("flowers", stage="dev") is entry
        with pytest.raises(OperationalError):
            cache.get("flowers", stage="staging")


def test_models_in_memory_answer_no_longer_than_the_limit(cache, clock, make_version):
    make_version()
    live_number(cache)
    clock.advance(STALE_S)
    with database_down(), pytest.raises(OperationalError):
        live_number(cache)
    assert live_number(cache) == 1


def test_the_previous_model_answers_while_the_store_of_the_new_one_is_down(
    make_cache, make_version, make_dataset, broken_storage
):
    cache = make_cache()
    source = make_dataset()
    make_version(source)
    live_number(cache)
    make_version(source)
    with broken_storage("trained-models"):
        assert live_number(cache) == 1
        with pytest.raises(NotReady):
            cache.get("flowers", stage="dev", version=2)
    assert live_number(cache) == 2


def test_a_cache_can_answer_while_an_entry_is_recent(make_cache, clock, make_version):
    cache = make_cache(stale_s=STALE_S, clock=clock)
    make_version()
    assert not cache.can_answer()
    live_number(cache)
    assert cache.can_answer()
    clock.advance(STALE_S)
    assert not cache.can_answer()


def test_readiness_is_degraded_while_models_in_memory_can_answer(client, make_version, broken_storage):
    make_version()
    with broken_storage("trained-models"):
        assert client.get("/readyz").status_code == 503
    live_number(shared_cache())
    with broken_storage("trained-models"):
        response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert client.get("/readyz").json()["status"] == "ok"


def test_a_server_whose_migrations_are_missing_is_not_ready_whatever_is_in_memory(
    client, make_version, monkeypatch
):
    make_version()
    live_number(shared_cache())
    monkeypatch.setattr(health, "_database", health.DatabaseCheck())  # of a process that has just started
    recorder = MigrationRecorder(connection)
    (last,) = MigrationLoader(connection).graph.leaf_nodes("serving")
    recorder.record_unapplied(*last)
    response = client.get("/readyz")
    recorder.record_applied(*last)
    assert (response.status_code, response.json()["status"]) == (503, "not ready")
    assert response.json()["checks"]["database"] == "migrations are missing"


@pytest.mark.usefixtures("two_versions")
def test_a_refreshed_cache_answers_stale_until_the_database_is_back(make_cache, clock):
    cache = make_cache(stale_s=STALE_S, is_refreshed=True, clock=clock)
    assert live_number(cache) == 2
    release_elsewhere(1)
    clock.advance(STALE_S)
    assert live_number(cache) == 1
