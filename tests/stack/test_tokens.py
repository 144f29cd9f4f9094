"""Signing in and out by HTTP."""

from tests.servers.platform import PASSWORD
from tests.stack.conftest import on_postgres_and_s3


def sign_in(platform, username="admin", password=PASSWORD):
    return platform.post("/auth/token", {"username": username, "password": password}, token=None)


def test_a_token_is_valid_until_it_is_revoked(platform):
    response = sign_in(platform)
    assert response.status_code == 201
    assert set(response.json()) == {"token", "expires_at"}
    token = response.json()["token"]
    assert platform.get("/datasets", token=token).status_code == 200
    assert platform.call("DELETE", "/auth/token", token=token).status_code == 204
    refused = platform.get("/datasets", token=token)
    assert (refused.status_code, set(refused.json())) == (401, {"detail", "code", "fields"})
    assert platform.get("/datasets").status_code == 200


def test_tokens_are_stored_as_hashes_only(platform):
    token = sign_in(platform).json()["token"]
    assert platform.call("DELETE", "/auth/token", token=token).status_code == 204
    rows = platform.sql("SELECT * FROM knox_authtoken")
    assert rows
    assert not any(platform.token in str(value) for row in rows for value in row)


def test_calls_without_a_valid_token_are_401_with_the_error_body(platform):
    calls = [
        ("GET", "/datasets"), ("GET", "/models"), ("GET", "/jobs"), ("POST", "/datasets/upload"),
        ("POST", "/train"), ("POST", "/promote"), ("POST", "/rollback"), ("POST", "/predict"),
        ("DELETE", "/datasets/any"), ("DELETE", "/models/any/1"), ("DELETE", "/auth/token"),
    ]  # fmt: skip
    for method, path in calls:
        for token in (None, "invalid"):
            response = platform.call(method, path, token=token)
            assert response.status_code == 401, (method, path, response.text)
            assert set(response.json()) == {"detail", "code", "fields"}
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


@on_postgres_and_s3
def test_the_tenth_failed_sign_in_of_a_username_locks_it(platform):
    responses = [sign_in(platform, "stranger", f"guess {number}") for number in range(10)]
    assert [response.status_code for response in responses[:9]] == [401] * 9
    last = responses[9]
    assert (last.status_code, last.json()["code"]) == (429, "too_many_sign_ins")
    assert int(last.headers["Retry-After"]) == 60
    assert platform.get("/datasets").status_code == 200
    platform.sql("DELETE FROM axes_accessattempt")
    assert sign_in(platform).status_code == 201
