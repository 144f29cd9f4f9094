"""Signing in and out by HTTP."""

from tests.servers.platform import PASSWORD


def sign_in(platform, username="admin", password=PASSWORD):
    return platform.post("/auth/token", {"username": username, "password": password}, token=None)


def test_a_token_opens_the_platform_until_it_is_revoked(platform):
    signed_in = sign_in(platform)
    assert signed_in.status_code == 201
    assert set(signed_in.json()) == {"token", "expires_at"}
    token = signed_in.json()["token"]
    assert platform.get("/datasets", token=token).status_code == 200
    assert platform.call("DELETE", "/auth/token", token=token).status_code == 204
    refused = platform.get("/datasets", token=token)
    assert (refused.status_code, set(refused.json())) == (401, {"detail", "code", "fields"})
    assert platform.get("/datasets").status_code == 200


def test_no_token_is_kept_in_the_clear(platform):
    token = sign_in(platform).json()["token"]
    assert platform.call("DELETE", "/auth/token", token=token).status_code == 204
    kept = platform.sql("SELECT * FROM knox_authtoken")
    assert kept
    assert not any(platform.token in str(value) for row in kept for value in row)


def test_without_a_token_every_call_answers_401_with_the_error_body(platform):
    calls = [
        ("GET", "/datasets"), ("GET", "/models"), ("GET", "/jobs"), ("POST", "/datasets/upload"),
        ("POST", "/train"), ("POST", "/promote"), ("POST", "/rollback"), ("POST", "/predict"),
        ("DELETE", "/datasets/any"), ("DELETE", "/models/any/1"), ("DELETE", "/auth/token"),
    ]  # fmt: skip
    for method, path in calls:
        for token in (None, "made-up"):
            answer = platform.call(method, path, token=token)
            assert answer.status_code == 401, (method, path, answer.text)
            assert set(answer.json()) == {"detail", "code", "fields"}
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_tenth_failed_sign_in_of_a_name_shuts_it_out_for_a_while(postgres_and_s3):
    platform = postgres_and_s3
    answers = [sign_in(platform, "stranger", f"guess {number}") for number in range(10)]
    assert [answer.status_code for answer in answers[:9]] == [401] * 9
    last = answers[9]
    assert (last.status_code, last.json()["code"]) == (429, "too_many_sign_ins")
    assert int(last.headers["Retry-After"]) == 60
    assert platform.get("/datasets").status_code == 200
    platform.sql("DELETE FROM axes_accessattempt")
    assert sign_in(platform).status_code == 201
