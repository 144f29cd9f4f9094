"""Every call and page rejects names that it does not have."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

import catalog.urls
import registry.urls
import serving.urls
from catalog.examples import add_example
from catalog.models import Dataset, Draft
from mlplatform.auth import tokens
from mlplatform.openapi import DATASET
from registry.models import ModelVersion
from tests.test_schema import example_headers, with_examples

NAME = "no_such_name"
MULTIPART = "multipart/form-data"


def operations() -> list[tuple[str, str, dict]]:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return [
        (method.upper(), path, call)
        for path, calls in schema["paths"].items()
        for method, call in calls.items()
    ]


@pytest.fixture
def call(api, program, admin, make_version):
    make_version(add_example(DATASET, by=admin))
    token = f"Bearer {tokens.create(admin).token}"

    def call(method, path, body=b"", kind="application/json", **headers):
        if kind == MULTIPART:
            return api.generic(method, path, *body, headers=headers)
        content = json.dumps(body) if isinstance(body, dict) else body
        return program(method, path, content, content_type=kind, **{"Authorization": token} | headers)

    return call


def rejects(response) -> bool:
    return response.status_code == 400 and NAME in response.content.decode()


def test_every_operation_rejects_an_unknown_query_parameter(call):
    accepting = [
        f"{method} {path}"
        for method, path, operation in operations()
        if not rejects(
            call(method, f"{with_examples(path, operation)}?{NAME}=1", **example_headers(operation))
        )
    ]
    assert accepting == []


def test_every_operation_with_a_json_body_rejects_an_unknown_field(call):
    accepting, count = [], 0
    for method, path, operation in operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for example in content.get("examples", {}).values() or ([{"value": {}}] if content else []):
            body = example["value"] | {NAME: 1}
            count += 1
            if not rejects(call(method, with_examples(path, operation), body, **example_headers(operation))):
                accepting.append(f"{method} {path}")
    assert (accepting, count >= 12) == ([], True)


@pytest.mark.parametrize("path", ["/datasets/upload", "/predict/file"])
def test_every_operation_with_a_form_rejects_an_unknown_field(api, path):
    files = {"file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n"), "dataset_name": "a", "environment": "dev"}
    assert rejects(api.post(path, files | {NAME: "1"}, format="multipart"))


def test_every_operation_without_a_body_rejects_one(call):
    accepting, count = [], 0
    for method, path, operation in operations():
        if method != "GET" and "requestBody" not in operation:
            count += 1
            if not rejects(call(method, with_examples(path, operation), {NAME: 1})):
                accepting.append(f"{method} {path}")
    assert (accepting, count >= 7) == ([], True)


@pytest.mark.parametrize("body", [[1], 1, "text"], ids=["list", "number", "text"])
def test_a_body_of_a_call_without_one_is_rejected_whatever_it_is(api, make_dataset, body):
    make_dataset()
    response = api.delete("/datasets/flowers", body, format="json")
    assert (response.status_code, response.json()["detail"]) == (400, "This call has no request body.")


def test_the_sign_in_page_rejects_unknown_names(client, admin):
    assert rejects(client.get(f"/accounts/login/?{NAME}=1"))
    form = {"username": "ada", "password": "correct horse"}
    assert NAME in client.post("/accounts/login/", form | {NAME: "1"}).content.decode()
    assert client.get("/accounts/login/?next=/catalog/").status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/schema"])
def test_the_documentation_of_the_api_rejects_an_unknown_query_parameter(client, db, path):
    assert rejects(client.get(f"{path}?{NAME}=1"))
    assert rejects(client.get(f"{path}?{NAME}=1", headers={"Accept": "text/html"}))


def test_a_delete_does_not_ignore_a_version(api, make_dataset):
    make_dataset()
    response = api.delete("/datasets/flowers?version=1")
    assert response.status_code == 400
    assert response.json()["fields"] == {
        "version": ["Unknown query parameter `version`. There are no query parameters here."]
    }
    assert api.get("/datasets/flowers").status_code == 200


def pages() -> list[str]:
    """The paths of all pages but sign-in and the admin."""
    arguments = {
        "name": DATASET,
        "dataset": DATASET,
        "version": 1,
        "environment": "dev",
        "pk": 1,
        "token_key": "x",
    }
    paths = ["/", "/accounts/logout/", "/accounts/tokens/", "/accounts/tokens/x/revoke/", "/search/"]
    for module in (catalog.urls, registry.urls, serving.urls):
        for pattern in module.urlpatterns:
            names = pattern.pattern.converters
            paths.append(
                reverse(f"{module.app_name}:{pattern.name}", kwargs={n: arguments[n] for n in names})
            )
    return paths


def test_every_page_rejects_an_unknown_query_parameter(call, page):
    accepting = []
    for path in pages():
        response = page.get(f"{path}?{NAME}=1", headers={"Accept": "text/html"})
        if response.status_code == 405:
            response = page.post(f"{path}?{NAME}=1", headers={"Accept": "text/html"})
        if not rejects(response):
            accepting.append(path)
    assert accepting == []


FIELDS = {
    "/registry/train/": {
        "dataset": DATASET,
        "algorithm": "LogisticRegression",
        "target": "target",
        "test_size": 0.2,
    },
    f"/registry/models/{DATASET}/1/promote/": {"stage": "staging"},
    f"/serving/{DATASET}/dev/": {f"input-{index}": "1" for index in range(4)},
}


def test_every_page_rejects_an_unknown_field(call, page, admin):
    Draft.objects.create(pk=1, key="a/a.csv", filename="a.csv", size_bytes=4, sha256="0", created_by=admin)
    accepting = []
    for path in pages():
        response = page.post(
            path, FIELDS.get(path, {}) | {NAME: "1"}, headers={"Accept": "text/html"}, follow=True
        )
        if response.status_code not in {200, 400, 422} or NAME not in response.content.decode():
            accepting.append(path)
    assert accepting == []
    assert ModelVersion.objects.count() == Dataset.objects.count() == 1


def test_a_page_names_the_nearest_query_parameter(page):
    response = page.get("/registry/models/?stage=production", headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert "Unknown query parameter <code>stage</code>. Did you mean <code>environment</code>?" in (
        response.content.decode()
    )


@pytest.mark.parametrize("path", ["/catalog/flowers/?version=", "/registry/train/?job="])
def test_a_page_does_not_ignore_a_number_that_it_cannot_read(page, make_dataset, path):
    make_dataset()
    for text in ("latest", "1.5", "-1", "\u00b2", "9" * 30):
        response = page.get(path + text, headers={"Accept": "text/html"})
        assert response.status_code == 400
        assert "must be an integer" in response.content.decode()
    assert page.get(path).status_code == 200
    assert page.get(path + "9" * 18).status_code == 404


@pytest.mark.parametrize(
    "path", ["/catalog/", "/registry/models/", "/registry/jobs/", "/serving/", "/serving/jobs/"]
)
@pytest.mark.parametrize("number", ["abc", "0", "2"])
def test_a_list_does_not_ignore_a_page_that_it_does_not_have(page, path, number):
    response = page.get(f"{path}?page={number}", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert f"There is no page {number}." in response.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/serving/?q=%00",
        "/registry/train/?dataset=flowers&dataset=flowers",
        "/registry/train/?target=x&target=y",
    ],
)
def test_a_page_rejects_null_characters_and_repeated_parameters(page, make_dataset, path):
    make_dataset()
    assert page.get(path, headers={"Accept": "text/html"}).status_code == 400


def test_an_invalid_filter_matches_nothing(page, make_dataset):
    make_dataset("garden")
    content = page.get("/catalog/?format=word").content.decode()
    assert "Must be one of" in content
    assert "garden" not in content


def test_a_form_rejects_a_value_of_another_algorithms_parameter_with_the_sentence_of_the_api(
    page, make_dataset
):
    make_dataset()
    form = {"dataset": "flowers", "algorithm": "LinearSVC", "target": "species", "test_size": "0.2"}
    blank = page.post("/registry/train/", form | {"param-max_depth": ""})
    given = page.post("/registry/train/", form | {"param-max_depth": "3"})
    assert (blank.status_code, given.status_code) == (302, 422)
    assert "LinearSVC has no parameter" in given.content.decode()
