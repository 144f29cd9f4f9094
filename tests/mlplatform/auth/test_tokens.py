"""Sign-in: API tokens and sessions."""

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
def test_anonymous_requests_are_401_with_the_error_body(anonymous, path):
    response = anonymous.get(path)
    assert response.status_code == 401
    assert set(response.json()) == {"detail", "code", "fields"}
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_token_with_another_scheme_is_401_and_names_bearer(anonymous):
    response = anonymous.get("/datasets", headers={"Authorization": "Token abc"})
    assert (response.status_code, response.json()["detail"]) == (
        401,
        "Send a token in the header `Authorization: Bearer TOKEN`, or sign in.",
    )


@pytest.mark.parametrize("path", ["/docs", "/schema", "/livez", "/readyz"])
def test_docs_and_probes_need_no_sign_in(anonymous, path):
    assert anonymous.get(path).status_code in {200, 503}


def test_username_and_password_create_a_token_that_expires(anonymous, admin):
    body = sign_in(anonymous).json()
    assert set(body) == {"token", "expires_at"}
    assert body["expires_at"] > timezone.now().isoformat()
    assert with_token(body["token"]).get("/datasets").status_code == 200


def test_only_a_hash_of_the_token_is_stored(anonymous, admin):
    token = sign_in(anonymous).json()["token"]
    row = AuthToken.objects.get()
    assert token not in str(vars(row))


def test_a_revoked_token_is_rejected(anonymous, admin):
    client = with_token(sign_in(anonymous).json()["token"])
    assert client.delete("/auth/token").status_code == 204
    assert client.get("/datasets").status_code == 401


def test_an_expired_token_is_rejected(anonymous, admin):
    client = with_token(sign_in(anonymous).json()["token"])
    AuthToken.objects.update(expiry=timezone.now())
    assert client.get("/datasets").status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer a b", "Bearer \xff\xfe", "Basic YTpi", "Bearer mlmp_x"]
)
def test_an_invalid_authorization_header_is_401(anonymous, header):
    anonymous.credentials(HTTP_AUTHORIZATION=header)
    assert anonymous.get("/datasets").status_code == 401


def test_the_token_of_a_disabled_account_is_rejected(anonymous, admin):
    client = with_token(sign_in(anonymous).json()["token"])
    admin.is_active = False
    admin.save()
    assert client.get("/datasets").status_code == 401


@pytest.mark.parametrize("body", [{}, {"username": "ada"}, {"username": "ada", "password": ""}, []])
def test_signing_in_without_username_or_password_is_400(anonymous, admin, body):
    assert anonymous.post("/auth/token", body).status_code == 400


def test_a_wrong_password_is_401_and_the_tenth_is_429(anonymous, admin):
    statuses = [sign_in(anonymous, password="wrong").status_code for _ in range(11)]
    assert statuses == [401] * 9 + [429] * 2
    rejected = sign_in(anonymous)
    assert rejected.status_code == 429
    assert rejected["Retry-After"] == "60"
    assert set(rejected.json()) == {"detail", "code", "fields"}


def test_the_sign_in_page_and_the_api_give_the_same_reason_for_a_wrong_password(client, anonymous, admin):
    page = client.post("/accounts/login/", {"username": "ada", "password": "wrong"})
    assert "Incorrect username or password." in page.content.decode()
    assert sign_in(anonymous, password="wrong").json()["detail"] == "Incorrect username or password."


def test_the_sign_in_page_is_locked_after_ten_failed_attempts(client, admin):
    for _ in range(10):
        client.post("/accounts/login/", {"username": "ada", "password": "wrong"})
    headers = {"Accept": "text/html"}
    response = client.post(
        "/accounts/login/", {"username": "ada", "password": "correct horse"}, headers=headers
    )
    assert response.status_code == 429
    assert "Too many failed sign-in attempts" in response.content.decode()


def test_a_session_can_call_the_api_with_a_csrf_token_only(admin):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/datasets").status_code == 200
    rejected = client.post("/promote", {"dataset_name": "x", "version": 1, "target_stage": "staging"})
    assert rejected.status_code == 403
    assert "CSRF" in rejected.json()["detail"]


def test_the_api_token_command_prints_a_token(admin):
    output = StringIO()
    call_command("api_token", "ada", stdout=output)
    assert with_token(output.getvalue().strip()).get("/datasets").status_code == 200
    with pytest.raises(CommandError, match="No user is named 'bob'"):
        call_command("api_token", "bob")


@pytest.mark.parametrize(("option", "days"), [("--days=400", 400), ("--no-expiry", None)])
def test_the_api_token_command_creates_a_token_with_a_chosen_lifetime(admin, page, option, days):
    output = StringIO()
    call_command("api_token", "ada", option, stdout=output)
    assert with_token(output.getvalue().strip()).get("/metrics").status_code == 200
    row = AuthToken.objects.get()
    assert (row.expiry and round((row.expiry - row.created).total_seconds() / 86400)) == days
    assert row.token_key in page.get("/accounts/tokens/").text


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "99999999"])
def test_the_api_token_command_refuses_a_lifetime_that_makes_no_sense(admin, days):
    with pytest.raises(CommandError, match="is not a number of days from 1 to 36500"):
        call_command("api_token", "ada", f"--days={days}")


def test_the_token_page_creates_a_token_shows_it_once_and_revokes_it(page):
    created = page.post("/accounts/tokens/").content.decode()
    token = re.search(r"mlmp_\w+", created)[0]
    assert with_token(token).get("/datasets").status_code == 200
    listed = page.get("/accounts/tokens/").content.decode()
    assert token not in listed
    assert token[:15] in listed
    page.post(f"/accounts/tokens/{token[:15]}/revoke/")
    assert with_token(token).get("/datasets").status_code == 401


@pytest.mark.parametrize("path", ["/auth/token", "/train", "/promote", "/rollback", "/predict"])
@pytest.mark.parametrize("body", ["[" * 50_000, '{"a":' * 10_000, "{", "NaN", '{"a": Infinity}', '"\\ud800"'])
def test_invalid_json_is_400_on_every_endpoint(api, anonymous, path, body):
    client = anonymous if path == "/auth/token" else api
    response = client.post(path, body.encode(), content_type="application/json")
    assert response.status_code == 400
    assert set(response.json()) == {"detail", "code", "fields"}


def test_a_chunked_body_is_411_with_a_reason(anonymous):
    response = anonymous.post("/auth/token", {}, headers={"Transfer-Encoding": "chunked"})
    assert response.status_code == 411
    assert "Content-Length" in response.json()["detail"]
