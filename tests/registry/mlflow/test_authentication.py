"""Bearer tokens and HTTP Basic, and what is not the registry's."""

import base64

import pytest

from mlplatform.auth import tokens

PATH = "/api/2.0/mlflow/registered-models/search"


def basic(name, password) -> dict:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_a_token_or_the_password_authenticates(client, admin):
    token = tokens.create(admin).token
    accepted = [
        {"Authorization": f"Bearer {token}"},
        basic("ada", token),
        basic("token", token),
        basic("ada", "correct horse"),
    ]
    assert [client.get(PATH, headers=headers).status_code for headers in accepted] == [200] * 4


def test_other_credentials_are_unauthenticated(client, admin, make_user):
    token = tokens.create(admin).token
    make_user("viewer", username="bob")
    refused = [
        {},
        {"Authorization": f"Bearer {token}x"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic"},
        basic("bob", token),
        basic("ada", "wrong"),
        basic("ada", "mlmp_" + "x" * 60),
        basic("ada", "mlmp_é"),
        basic("a\0da", "wrong"),
        basic("a" * 300, "wrong"),
    ]
    for headers in refused:
        response = client.get(PATH, headers=headers)
        assert (response.status_code, response.json()["error_code"]) == (401, "UNAUTHENTICATED"), headers
        assert response["WWW-Authenticate"]


def test_ten_wrong_passwords_lock_as_at_the_sign_in_page(client, admin):
    for _ in range(10):
        response = client.get(PATH, headers=basic("ada", "wrong"))
    assert (response.status_code, response.json()["error_code"]) == (429, "REQUEST_LIMIT_EXCEEDED")
    assert client.get(PATH, headers=basic("ada", "correct horse")).status_code == 429


def test_a_session_is_not_a_credential(page):
    assert page.get(PATH).status_code == 401


def test_an_account_without_a_role_is_denied(client, make_user):
    token = tokens.create(make_user(None)).token
    response = client.get(PATH, headers={"Authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["error_code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "path",
    [
        *("2.0/mlflow/runs/create", "2.0/mlflow/experiments/search", "2.0/mlflow/logged-models"),
        *("3.0/mlflow/traces", "2.0/preview/mlflow/runs/get", "2.0/mlflow/artifacts/list"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_tracking_calls_are_not_implemented(api, path, method):
    response = getattr(api, method)(f"/api/{path}")
    assert (response.status_code, response.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert "MLFLOW_REGISTRY_URI" in response.json()["message"]


def test_other_paths_and_methods_are_no_endpoints(api, db):
    for method, path in (("get", "/api/2.0/mlflow/nonsense"), ("get", "/api/"), ("post", PATH)):
        response = getattr(api, method)(path)
        assert response.json()["error_code"] == "ENDPOINT_NOT_FOUND"
        assert response.status_code in {404, 405}


@pytest.mark.parametrize(
    "body", ["{", "[]", "1", "null", '{"name": 3}', '{"name": ["a"]}', '{"name": null}', "\ud83d"]
)
def test_malformed_bodies_are_invalid_parameter_values(api, body):
    path = "/api/2.0/mlflow/registered-models/set-tag"
    content = body.encode(errors="surrogatepass")
    response = api.generic("POST", path, content, content_type="application/json")
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_server_info_says_what_the_clients_ask(api):
    info = api.get("/api/3.0/mlflow/server-info").json()
    assert (info["workspaces_enabled"], info["multipart_downloads_enabled"]) == (False, False)
