"""The OpenAPI schema: complete, without warnings, and with examples that work. The schema of the database."""

import json

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from mlplatform.auth import tokens
from mlplatform.openapi import DATASET
from registry.models import ModelVersion

CALLS = {
    ("POST", "/auth/token"),
    ("DELETE", "/auth/token"),
    ("POST", "/datasets/upload"),
    ("GET", "/datasets"),
    ("POST", "/datasets/derive"),
    ("POST", "/datasets/derive/preview"),
    ("POST", "/datasets/{name}/derive"),
    ("GET", "/datasets/{name}"),
    ("GET", "/datasets/{name}/file"),
    ("DELETE", "/datasets/{name}"),
    ("PATCH", "/datasets/{name}"),
    ("GET", "/search"),
    ("POST", "/train"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("GET", "/algorithms"),
    ("GET", "/algorithms/{name}"),
    ("GET", "/groups"),
    ("GET", "/groups/{id}"),
    ("GET", "/groups/{id}/trials"),
    ("GET", "/datasets/{name}/versions"),
    ("GET", "/datasets/{name}/columns"),
    ("POST", "/groups/{id}/cancel"),
    ("GET", "/models"),
    ("GET", "/models/{dataset}/{version}"),
    ("GET", "/models/{dataset}/{version}/artifact"),
    ("DELETE", "/models/{dataset}/{version}"),
    ("PATCH", "/models/{dataset}/{version}"),
    ("PUT", "/models/{dataset}/{version}/favourite"),
    ("DELETE", "/models/{dataset}/{version}/favourite"),
    ("PUT", "/datasets/{name}/favourite"),
    ("DELETE", "/datasets/{name}/favourite"),
    ("GET", "/models/{dataset}/{version}/card"),
    ("PATCH", "/models/{dataset}/{version}/card"),
    ("GET", "/models/{dataset}/{version}/card.md"),
    ("GET", "/models/{dataset}/{version}/card/revisions"),
    ("POST", "/promote"),
    ("POST", "/rollback"),
    ("POST", "/retire"),
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
    ("GET", "/metrics/jobs"),
}
PROBES = {"/livez", "/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready"}  # fmt: skip


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


def test_the_openapi_schema_is_valid_without_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    call_command("makemigrations", check=True, dry_run=True)  # it exits with 1 otherwise


def test_the_schema_is_openapi_3_1_and_contains_every_endpoint(schema):
    described = {(method.upper(), path) for path, calls in schema["paths"].items() for method in calls}
    assert schema["openapi"].startswith("3.1")
    assert described >= CALLS | {("GET", path) for path in PROBES}


def test_no_call_is_described_by_the_docstring_of_a_base_class(schema):
    calls = [call for by_method in schema["paths"].values() for call in by_method.values()]
    texts = [call.get("description", "") for call in calls]
    assert not [text for text in texts if "Rejects unknown" in text or "get_queryset" in text]


def test_the_upload_endpoint_has_a_binary_file(schema):
    body = schema["paths"]["/datasets/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]
    name = body["schema"]["$ref"].rsplit("/", 1)[-1]
    file = schema["components"]["schemas"][name]["properties"]["file"]
    assert file["format"] == "binary" or file.get("contentMediaType")


def test_every_json_body_is_described_without_further_fields(schema):
    components, closed = schema["components"]["schemas"], []
    for calls in schema["paths"].values():
        for call in calls.values():
            content = call.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                name = content["schema"]["$ref"].rpartition("/")[2]
                closed.append(components[name].get("additionalProperties") is False)
    assert len(closed) >= 9
    assert all(closed)


def examples_of(schema, path: str) -> list[dict]:
    content = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return [example["value"] for example in content["examples"].values()]


def run_examples(schema, api) -> None:
    """Send the examples in the order of the model lifecycle, as a reader of the documentation does."""
    ok = ("/predict", "/promote", "/rollback", "/retire")
    for path, status in (("/train", 201), *((path, 200) for path in ok)):
        for body in examples_of(schema, path):
            response = api.post(path, body)
            assert response.status_code == status, response.content


def test_the_examples_work_in_order_where_iris_is_other_data(schema, api, make_dataset):
    make_dataset("iris")
    run_examples(schema, api)


def test_the_response_of_a_training_names_its_example(schema, api):
    body = api.post("/train", examples_of(schema, "/train")[1]).json()
    assert body["example"] == "iris"
    assert "was trained on scikit-learn's iris example" in body["message"]


def test_the_train_example_does_not_train_on_other_data_of_the_same_name(schema, api, make_dataset):
    make_dataset(DATASET)
    response = api.post("/train", examples_of(schema, "/train")[0])
    assert (response.status_code, response.json()["code"]) == (409, "not_an_example")
    assert ModelVersion.objects.count() == 0


def test_the_examples_of_the_inference_protocols_work(schema, api, program, admin):
    assert api.post("/train", examples_of(schema, "/train")[1]).status_code == 201
    token = {"Authorization": f"Bearer {tokens.create(admin).token}"}
    count = 0
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            if path.startswith(("/v1", "/v2", "/invocations", "/version", "/metrics")) or path in PROBES:
                for body in example_bodies(call):
                    response = program(
                        method.upper(), with_examples(path, call), **body, **token | example_headers(call)
                    )
                    assert str(response.status_code) in call["responses"], response.content
                    assert response.status_code == 200, response.content
                    count += 1
    assert count == 28


def with_examples(path: str, call: dict) -> str:
    examples = {item["name"]: item["example"] for item in call.get("parameters", []) if item["in"] == "path"}
    return path.format(**examples)


def example_headers(call: dict) -> dict[str, str]:
    headers = [item for item in call.get("parameters", []) if item["in"] == "header" and "examples" in item]
    return {item["name"]: next(iter(item["examples"].values()))["value"] for item in headers}


def example_bodies(call: dict) -> list[dict]:
    """The request bodies of the examples of a call; one empty request if it has no body."""
    bodies = [
        {"content_type": kind, "body": value if isinstance(value, str) else json.dumps(value)}
        for kind, content in call.get("requestBody", {}).get("content", {}).items()
        for value in [example["value"] for example in content.get("examples", {}).values()]
    ]
    return bodies or [{}]


def test_every_endpoint_except_sign_in_schema_and_probes_requires_credentials(schema):
    open_calls = {
        (method, path)
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
        if not call.get("security")
    }
    probes = {("get", path) for path in PROBES}
    assert open_calls <= {("post", "/auth/token"), ("get", "/schema"), ("get", "/version")} | probes


def test_every_tag_is_described_in_order_after_an_introduction(schema):
    used = {tag for calls in schema["paths"].values() for call in calls.values() for tag in call["tags"]}
    assert {tag["name"] for tag in schema["tags"]} - used <= {"auth"}
    assert used <= {tag["name"] for tag in schema["tags"]}
    assert [tag["name"] for tag in schema["tags"]][:3] == ["auth", "datasets", "models"]
    for topic in ("Tokens", "Errors", "202", "Stages", "iris_example"):
        assert topic in schema["info"]["description"]


@pytest.mark.django_db
def test_the_api_docs_begin_with_a_sign_in_and_lead_back(client, admin):
    anonymous = client.get("/docs").text
    assert anonymous.index('id="token-form"') < anonymous.index('id="swagger-ui"')
    client.force_login(admin)
    text = client.get("/docs").text
    assert "You are signed in as ada" in text
    assert 'href="/registry/models/"' in text


@pytest.mark.django_db
def test_the_api_docs_load_nothing_from_other_hosts_and_need_no_sign_in(client):
    page = client.get("/docs").text + client.get("/docs?script=").text
    assert "swagger" in page
    assert "https://" not in page.replace("https://spdx", "")
    assert '"persistAuthorization": false' in page
    assert client.get("/schema").status_code == 200
