"""Signing in: tokens for programs, sessions for people, and what is refused."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

PROTECTED = ["/datasets", "/datasets/x", "/jobs", "/models", "/models/x/1", "/models/x/1/artifact"]


@pytest.fixture
def anonymous(db):
    return APIClient()


def sign_in(client, username="ada", password="correct horse"):
    return client.post("/auth/token", {"username": username, "password": password})


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.mark.parametrize("path", PROTECTED)
def test_anonymous_calls_are_401_with_the_error_body(anonymous, path):
    answer = anonymous.get(path)
    assert answer.status_code == 401
    assert set(answer.json()) == {"detail", "code", "fields"}
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/docs", "/schema", "/livez", "/readyz"])
def test_docs_and_probes_need_no_login(anonymous, path):
    assert anonymous.get(path).status_code in {200, 503}


def test_a_name_and_password_give_a_token_that_expires(anonymous, admin):
    body = sign_in(anonymous).json()
    assert set(body) == {"token", "expires_at"}
    assert body["expires_at"] > timezone.now().isoformat()
    assert with_token(body["token"]).get("/datasets").status_code == 200


def test_only_a_hash_is_stored(anonymous, admin):
    token = sign_in(anonymous).json()["token"]
    row = AuthToken.objects.get()
    assert token not in str(vars(row))


def test_a_revoked_token_is_refused(anonymous, admin):
    client = with_token(sign_in(anonymous).json()["token"])
    assert client.delete("/auth/token").status_code == 204
    assert client.get("/datasets").status_code == 401


def test_an_expired_token_is_refused(anonymous, admin):
    client = with_token(sign_in(anonymous).json()["token"])
    AuthToken.objects.update(expiry=timezone.now())
    assert client.get("/datasets").status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer a b", "Bearer \xff\xfe", "Basic YTpi", "Bearer mlmp_x"]
)
def test_a_wrong_header_is_401(anonymous, header):
    anonymous.credentials(HTTP_AUTHORIZATION=header)
    assert anonymous.get("/datasets").status_code == 401


def test_a_disabled_account_is_signed_out(anonymous, admin):
    client = with_token(sign_in(anonymous).json()["token"])
    admin.is_active = False
    admin.save()
    assert client.get("/datasets").status_code == 401


@pytest.mark.parametrize("body", [{}, {"username": "ada"}, {"username": "ada", "password": ""}, []])
def test_signing_in_with_half_the_facts_is_400(anonymous, admin, body):
    assert anonymous.post("/auth/token", body).status_code == 400


def test_a_wrong_password_is_401_and_the_tenth_429(anonymous, admin):
    statuses = [sign_in(anonymous, password="wrong").status_code for _ in range(11)]
    assert statuses == [401] * 9 + [429] * 2
    refused = sign_in(anonymous)
    assert refused.status_code == 429
    assert refused["Retry-After"] == "60"
    assert set(refused.json()) == {"detail", "code", "fields"}


def test_ten_failures_of_one_address_lock_it_for_every_name(anonymous, admin):
    for number in range(10):
        sign_in(anonymous, username=f"guess{number}", password="wrong")
    assert sign_in(anonymous).status_code == 429


def test_the_login_page_is_locked_too(client, admin):
    for _ in range(10):
        client.post("/accounts/login/", {"username": "ada", "password": "wrong"})
    headers = {"Accept": "text/html"}
    answer = client.post(
        "/accounts/login/", {"username": "ada", "password": "correct horse"}, headers=headers
    )
    assert answer.status_code == 429
    assert "Too many failed sign-ins" in answer.content.decode()


def test_a_session_may_call_the_api_with_a_csrf_token_only(admin):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/datasets").status_code == 200
    refused = client.post("/promote", {"dataset_name": "x", "version": 1, "target_stage": "staging"})
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]


def test_the_command_prints_a_token(admin):
    printed = StringIO()
    call_command("api_token", "ada", stdout=printed)
    assert with_token(printed.getvalue().strip()).get("/datasets").status_code == 200
    with pytest.raises(CommandError, match="no user named 'bob'"):
        call_command("api_token", "bob")


def test_the_page_makes_shows_once_and_revokes_a_token(page):
    shown = page.post("/accounts/tokens/").content.decode()
    token = re.search(r"mlmp_\w+", shown)[0]
    assert with_token(token).get("/datasets").status_code == 200
    listed = page.get("/accounts/tokens/").content.decode()
    assert token not in listed
    assert token[:15] in listed
    page.post(f"/accounts/tokens/{token[:15]}/revoke/")
    assert with_token(token).get("/datasets").status_code == 401


@pytest.mark.parametrize("path", ["/auth/token", "/train", "/promote", "/rollback", "/predict"])
@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"a":' * 50_000, "{", "NaN", '{"a": Infinity}', '"\\ud800"']
)
def test_a_body_that_is_no_json_is_400_everywhere(api, anonymous, path, body):
    client = anonymous if path == "/auth/token" else api
    answer = client.post(path, body.encode(), content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail", "code", "fields"}


def test_a_body_of_unknown_length_is_refused_with_the_reason(anonymous):
    answer = anonymous.post("/auth/token", {}, headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 411
    assert "Content-Length" in answer.json()["detail"]
