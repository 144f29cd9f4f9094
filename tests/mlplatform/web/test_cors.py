"""Browser applications of other origins: off unless CORS_ALLOWED_ORIGINS names them, also on the fast path."""

import io

import pytest
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import RequestFactory

from mlplatform.auth import tokens
from mlplatform.web.fast_path import FastPath
from mlplatform.web.request_body import RequestBody

pytestmark = pytest.mark.django_db
APP, OTHER = "https://app.example.org", "https://other.example.org"
FAST = ["/predict", "/v2", "/v2/models/iris/infer"]


@pytest.fixture
def call(settings):
    settings.CORS_ALLOWED_ORIGINS = [APP]
    settings.MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *settings.MIDDLEWARE]
    application = RequestBody(FastPath(get_wsgi_application()))

    def send(method, path, **headers):
        begun = []
        environ = RequestFactory().generic(method, path, "{}", "application/json", headers=headers).environ
        environ |= {"wsgi.input": io.BytesIO(b"{}"), "wsgi.input_terminated": True}
        application(environ, lambda status, headers: begun.extend([status, headers]))
        return HttpResponse(status=int(begun[0][:3]), headers=dict(begun[1]))

    return send


@pytest.mark.parametrize("path", ["/datasets", *FAST])
def test_a_preflight_of_an_allowed_origin_is_answered(call, path):
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    response = call("OPTIONS", path, origin=APP, **asked)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, APP)
    assert "authorization" in response["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Origin" not in call("OPTIONS", path, origin=OTHER, **asked)


@pytest.mark.parametrize("path", ["/datasets", *FAST])
def test_only_an_allowed_origin_can_read_responses(call, admin, path):
    token = f"Bearer {tokens.create(admin).token}"
    response = call("POST", path, origin=APP, authorization=token)
    assert response["Access-Control-Allow-Origin"] == APP
    assert "ETag" in response["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in response
    assert "Access-Control-Allow-Origin" not in call("POST", path, origin=OTHER, authorization=token)


@pytest.mark.parametrize("path", ["/datasets", *FAST])
def test_an_allowed_origin_can_read_why_its_body_was_refused(call, settings, path):
    settings.MAX_REQUEST_MB = settings.MAX_FORM_MB = 0
    response = call("POST", path, origin=APP, transfer_encoding="chunked", authorization="Bearer mlmp_x")
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (413, APP)


def test_an_allowed_origin_can_read_that_a_path_of_the_fast_path_does_not_exist(call):
    response = call("GET", "/v2/models/iris/nothing", origin=APP)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (404, APP)


def test_no_origin_is_allowed_by_default(client, program):
    assert "Access-Control-Allow-Origin" not in client.get("/datasets", headers={"origin": APP})
    assert "Access-Control-Allow-Origin" not in program("GET", "/v2", origin=APP)
