"""The health probes need no login, accept any Host header and report the real state."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from mlplatform.web import health, process
from tests.test_schema import PROBES


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/ping"])
def test_liveness_needs_no_service(client, path):
    assert client.get(path, headers={"Host": "10.1.2.3"}).status_code == 200


@pytest.mark.django_db
def test_readiness_lists_every_check(client, make_version):
    make_version()
    response = client.get("/readyz", headers={"Host": "10.1.2.3"})
    assert response.status_code == 200
    assert response.json()["checks"] == {"database": "ok", "datasets": "ok", "trained_models": "ok"}


@pytest.mark.django_db
def test_a_server_whose_store_is_down_is_not_ready(client, make_version, broken_storage):
    make_version()
    with broken_storage("trained-models"):
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response["Retry-After"]
    assert response.json()["checks"]["trained_models"] == "no answer"


def test_reports_are_made_once_a_minute_however_many_probes_there_are(settings, clock, monkeypatch):
    made = []
    settings.READINESS_REPORTS = {"models": f"{__name__}.report"}
    monkeypatch.setattr(f"{__name__}.report", lambda: made.append(1) or {"refused": len(made)}, raising=False)
    reports = health.Reports(clock=clock)
    assert [reports()["models"]["refused"] for _ in range(3)] == [1, 1, 1]
    clock.advance(health.REPORTS_S)
    assert reports()["models"]["refused"] == 2


@pytest.mark.django_db
def test_migrations_are_read_until_none_is_missing(django_assert_num_queries):
    check, recorder = health.DatabaseCheck(), MigrationRecorder(connection)
    (last,) = MigrationLoader(connection).graph.leaf_nodes("serving")
    recorder.record_unapplied(*last)
    assert check() == "migrations are missing"
    recorder.record_applied(*last)
    assert check() == "ok"
    with django_assert_num_queries(1):
        assert check() == "ok"


def test_a_server_that_stops_is_draining_and_still_alive(client, monkeypatch):
    monkeypatch.setattr(process, "_draining", bytearray([1]))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "draining")
    assert client.get("/livez").status_code == 200


def test_other_paths_require_a_known_host(client, db):
    assert client.get("/accounts/login/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", sorted(PROBES))
def test_probes_have_no_other_methods_than_get_and_head(client, path, method):
    response = client.generic(method, path)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert "not allowed" in response.text


def test_a_probe_answers_head(client):
    assert client.head("/livez").status_code == 200


def test_a_probe_names_the_query_parameter_that_it_does_not_have(client):
    response = client.get("/livez?verbose=1")
    assert (response.status_code, response.json()["code"]) == (400, "unknown_parameter")
    assert "`verbose`" in response.json()["detail"]
