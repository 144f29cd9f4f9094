"""OpenAPI: every call is described, without warnings, and its examples work when executed."""

import json

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from mlplatform.auth import tokens

CALLS = {
    ("POST", "/auth/token"),
    ("DELETE", "/auth/token"),
    ("POST", "/datasets/upload"),
    ("GET", "/datasets"),
    ("GET", "/datasets/{name}"),
    ("GET", "/datasets/{name}/file"),
    ("DELETE", "/datasets/{name}"),
    ("POST", "/train"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("GET", "/models"),
    ("GET", "/models/{dataset}/{version}"),
    ("GET", "/models/{dataset}/{version}/artifact"),
    ("DELETE", "/models/{dataset}/{version}"),
    ("POST", "/promote"),
    ("POST", "/rollback"),
    ("POST", "/predict"),
    ("POST", "/predict/file"),
    ("GET", "/predict/jobs"),
    ("GET", "/predict/jobs/{id}"),
    ("DELETE", "/predict/jobs/{id}"),
    ("GET", "/predict/jobs/{id}/result"),
    ("POST", "/predict/jobs/{id}/cancel"),
    ("POST", "/jobs/{id}/cancel"),
    ("POST", "/jobs/{id}/retry"),
    ("GET", "/v2"),
    ("GET", "/v2/models"),
    ("GET", "/v2/models/{model}"),
    ("GET", "/v2/models/{model}/ready"),
    ("POST", "/v2/models/{model}/infer"),
    ("GET", "/v2/models/{model}/versions/{version}"),
    ("GET", "/v2/models/{model}/versions/{version}/ready"),
    ("POST", "/v2/models/{model}/versions/{version}/infer"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("POST", "/v1/models/{model}:predict"),
    ("POST", "/invocations"),
    ("GET", "/version"),
    ("GET", "/metrics"),
}
PROBES = {"/livez", "/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready"}  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_schema_is_valid_and_without_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_it_is_openapi_3_1_and_has_every_call(schema):
    described = {(method.upper(), path) for path, calls in schema["paths"].items() for method in calls}
    assert schema["openapi"].startswith("3.1")
    assert described >= CALLS | {("GET", path) for path in PROBES}


def test_upload_takes_a_file(schema):
    body = schema["paths"]["/datasets/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]
    name = body["schema"]["$ref"].rsplit("/", 1)[-1]
    file = schema["components"]["schemas"][name]["properties"]["file"]
    assert file["format"] == "binary" or file.get("contentMediaType")


def example_of(schema, path: str) -> dict:
    content = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return next(iter(content["examples"].values()))["value"]


def test_the_examples_work_in_the_order_of_a_model_s_life(schema, api):
    for path, status in (("/train", 201), ("/predict", 200), ("/promote", 200)):
        assert api.post(path, example_of(schema, path)).status_code == status
    assert api.post("/train", example_of(schema, "/train")).status_code == 201
    again = example_of(schema, "/promote") | {"version": 2}
    assert api.post("/promote", again).status_code == 200
    assert api.post("/rollback", example_of(schema, "/rollback")).status_code == 200


def test_the_examples_of_the_protocols_work_as_they_are_given(schema, api, program, admin):
    assert api.post("/train", example_of(schema, "/train")).status_code == 201
    token = {"Authorization": f"Bearer {tokens.create(admin).token}"}
    tried = 0
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            if path.startswith(("/v1", "/v2", "/invocations", "/version", "/metrics")) or path in PROBES:
                for sent in sendings(call):
                    answer = program(method.upper(), filled(path, call), **sent, **token | given(call))
                    assert str(answer.status_code) in call["responses"], answer.content
                    assert answer.status_code == 200, answer.content
                    tried += 1
    assert tried == 27


def filled(path: str, call: dict) -> str:
    known = {told["name"]: told["example"] for told in call.get("parameters", []) if told["in"] == "path"}
    return path.format(**known)


def given(call: dict) -> dict[str, str]:
    headers = [told for told in call.get("parameters", []) if told["in"] == "header" and "examples" in told]
    return {told["name"]: next(iter(told["examples"].values()))["value"] for told in headers}


def sendings(call: dict) -> list[dict]:
    """The bodies of a call's examples, or one without a body."""
    bodies = [
        {"content_type": kind, "body": value if isinstance(value, str) else json.dumps(value)}
        for kind, told in call.get("requestBody", {}).get("content", {}).items()
        for value in [example["value"] for example in told.get("examples", {}).values()]
    ]
    return bodies or [{}]


def test_everything_but_signing_in_asks_for_a_credential(schema):
    open_calls = {
        (method, path)
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
        if not call.get("security")
    }
    probes = {("get", path) for path in PROBES}
    assert open_calls <= {("post", "/auth/token"), ("get", "/schema"), ("get", "/version")} | probes


@pytest.mark.django_db
def test_docs_come_from_the_package_and_need_no_login(client):
    page = client.get("/docs").content.decode()
    assert "swagger" in page
    assert "https://" not in page.replace("https://spdx", "")
    assert '"persistAuthorization": true' in page
    assert client.get("/schema").status_code == 200
