"""The probes: no login, any Host header, true answers."""

import pytest


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/ping"])
def test_liveness_touches_nothing(client, path, django_assert_num_queries):
    assert client.get(path, headers={"Host": "10.1.2.3"}).status_code == 200


@pytest.mark.django_db
def test_readiness_names_what_it_looked_at(client, make_version):
    make_version()
    answer = client.get("/readyz", headers={"Host": "10.1.2.3"})
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "datasets": "ok", "trained_models": "ok"}


@pytest.mark.django_db
def test_a_store_that_is_down_is_not_ready(client, make_version, broken_storage):
    make_version()
    with broken_storage("trained-models"):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer.json()["checks"]["trained_models"] == "no answer"


def test_another_address_asks_for_a_known_host(client, db):
    assert client.get("/accounts/login/", headers={"Host": "evil.example"}).status_code == 400
