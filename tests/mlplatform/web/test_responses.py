"""One address of each page and call, known host names, compression, and no copies in caches."""

import gzip
import json

import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import RequestFactory

from mlplatform.auth import tokens
from mlplatform.web.fast_path import FastPath
from mlplatform.web.responses import CompressionMiddleware

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed(admin):
    return {"authorization": f"Bearer {tokens.create(admin).token}"}


@pytest.mark.parametrize(
    ("method", "path", "address"),
    [
        ("GET", "/datasets/?page=2&q=a%20b", "/datasets?page=2&q=a%20b"),
        ("POST", "/predict/", "/predict"),
        ("DELETE", "/models/iris/1/", "/models/iris/1"),
        ("POST", "/v2/models/iris/infer/", "/v2/models/iris/infer"),
        ("POST", "/invocations/", "/invocations"),
        ("GET", "/docs/", "/docs"),
        ("GET", "/catalog", "/catalog/"),
        ("POST", "/registry/train", "/registry/train/"),
        ("GET", "/admin", "/admin/"),
    ],
)
def test_a_slash_too_many_or_missing_is_redirected_with_the_method(program, signed, method, path, address):
    response = program(method, path, **signed)
    assert (response.status_code, response["Location"]) == (308, address)


@pytest.mark.parametrize("path", ["/nothing", "/nothing/", "/predict//", "/datasets/iris/file/x/"])
def test_a_path_that_does_not_exist_with_either_slash_is_404(program, signed, path):
    assert program("GET", path, **signed).status_code == 404


def test_the_probes_are_answered_with_a_slash_too(client):
    assert client.get("/livez/").status_code == 200
    assert client.get("/v2/health/live/").json() == {"live": True}


@pytest.mark.parametrize("host", ["evil.example", "bad_host", "a b", "x" * 300])
def test_an_unknown_host_name_is_refused_with_the_setting(client, caplog, host):
    response = client.get("/datasets", headers={"host": host})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_host")
    sentence = f"The host name `{host[:100]}` is not in ALLOWED_HOSTS."
    assert response.json()["detail"].startswith(sentence)
    page = client.get("/catalog/", headers={"host": host, "accept": "text/html"})
    assert (page.status_code, "ALLOWED_HOSTS" in page.text) == (400, True)
    assert f"unknown host name: {host[:100]!r}" in {record.message for record in caplog.records}
    assert not any(record.exc_info for record in caplog.records)


def test_pages_and_json_are_compressed_and_files_are_not(page, api, make_dataset):
    make_dataset()
    accepted = {"accept-encoding": "gzip"}
    response = page.get("/catalog/flowers/", headers=accepted)
    assert response["Content-Encoding"] == "gzip"
    assert "flowers" in gzip.decompress(response.content).decode()
    listed = api.get("/datasets", headers=accepted)
    assert json.loads(gzip.decompress(listed.content))["count"] == 1
    assert "Content-Encoding" not in api.get("/datasets/flowers/file", headers=accepted)


def test_equal_pages_have_different_compressed_lengths(rf):
    """Otherwise the length would reveal a secret of the page, if an attacker can repeat parts of it (BREACH)."""
    compress = CompressionMiddleware(lambda request: HttpResponse("the same page " * 100))
    request = rf.get("/", headers={"accept-encoding": "gzip"})
    assert len({len(compress(request).content) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    "path", ["/", "/catalog/flowers/", "/datasets", "/datasets/flowers", "/docs", "/nothing"]
)
def test_caches_store_no_data(page, make_dataset, path):
    make_dataset()
    assert page.get(path)["Cache-Control"] == "private, no-store"


def test_caches_store_no_predictions(program, signed):
    for path in ("/v2", "/metrics", "/predict/jobs"):
        assert program("GET", path, **signed)["Cache-Control"] == "private, no-store"


def test_opening_the_address_of_a_form_shows_a_page(page):
    response = page.get("/registry/models/iris/1/retrain/", headers={"accept": "text/html"})
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "This address only receives a form." in response.text
    body = page.get("/registry/models/iris/1/retrain/").json()
    assert body["code"] == "method_not_allowed"


def test_plain_http_is_redirected_behind_https_but_not_the_probes_and_the_fast_path(signed, settings):
    settings.SECURE_SSL_REDIRECT = True
    application, statuses = FastPath(get_wsgi_application()), {}
    for path in ("/catalog/", "/datasets", "/livez", "/readyz", "/v2"):
        environ = RequestFactory().get(path, headers=signed).environ

        def start(status, headers, path=path):
            statuses[path] = (status[:3], dict(headers).get("Location"))

        application(environ, start)
    assert statuses["/catalog/"] == ("301", "https://testserver/catalog/")
    assert statuses["/datasets"] == ("301", "https://testserver/datasets")
    assert [statuses[path][0] for path in ("/livez", "/readyz", "/v2")] == ["200", "200", "200"]
