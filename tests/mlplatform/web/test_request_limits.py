"""Bodies that are too large are refused before they are read: by their address, and without valid credentials."""

import gzip
import io

import pytest
from django.db import OperationalError, connection
from django.test import Client

from mlplatform.auth import credentials, tokens
from mlplatform.web.request_body import RequestBody

pytestmark = pytest.mark.django_db
MB = 1024**2
FORM = "multipart/form-data; boundary=b"
CHUNKED = {"transfer_encoding": "chunked", "content_length": ""}


@pytest.fixture
def small_limits(settings):
    settings.MAX_FORM_MB, settings.MAX_REQUEST_MB, settings.MAX_UPLOAD_MB = 1, 2, 3


@pytest.fixture
def signed(admin):
    return {"authorization": f"Bearer {tokens.create(admin).token}"}


@pytest.mark.parametrize(
    ("path", "content_type", "size", "message"),
    [
        ("/predict", "application/json", 2 * MB, "The request is 3 MB; the limit is 2 MB."),
        ("/v2/models/iris/infer", "application/json", 2 * MB, "The request is 3 MB; the limit is 2 MB."),
        ("/train", "application/json", MB, "The request is 2 MB; the limit is 1 MB."),
        ("/datasets/upload", FORM, 4 * MB, "The file is 5 MB; the limit is 3 MB."),
        ("/serving/iris/dev/file/", FORM, 4 * MB, "The file is 5 MB; the limit is 3 MB."),
        ("/train", FORM, MB, "The request is 2 MB; the limit is 1 MB."),
        ("/accounts/login/", FORM, 64 * 1024, "The request is 65 KB; the limit is 64 KB."),
        ("/auth/token", "application/json", 64 * 1024, "The request is 65 KB; the limit is 64 KB."),
    ],
)
def test_each_address_has_a_limit(program, small_limits, signed, path, content_type, size, message):
    response = program(
        "POST", path, b"x", content_type=content_type, content_length=str(size + 1), accept="application/json",
        **signed,
    )  # fmt: skip
    body = response.json()
    assert (response.status_code, body.get("detail", body.get("error"))) == (413, message)
    assert response["Connection"] == "close"


class Unread(io.RawIOBase):
    """A body that counts what is read of it, until the response was sent."""

    read_bytes = 0

    def read(self, size):
        self.read_bytes += size
        return b"x" * size if self.read_bytes < MB else b""


@pytest.mark.parametrize("length", [{"content_length": str(MB)}, CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize(
    "path", ["/predict", "/train", "/v1/models/iris:predict", "/invocations", "/catalog/upload/"]
)
@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer mlmp_x"}, {"cookie": "sessionid=x"}])
def test_a_large_body_without_valid_credentials_is_refused(program, path, length, header):
    response = program("POST", path, stream=Unread(), content_type=FORM, **length, **header)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert "more than 64 KB requires a valid token or a session" in response.content.decode()


def test_little_of_a_refused_body_in_chunks_is_read_before_the_response(rf):
    body, read = Unread(), []
    application = RequestBody(lambda environ, start: read.append(body.read_bytes) or [b""])
    environ = rf.post("/predict").environ | {
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
    }
    application(environ | {"wsgi.input": body}, None)
    assert read == [64 * 1024 + 1]


def test_a_session_is_valid_for_a_large_body(program, page: Client):
    cookie = f"sessionid={page.cookies['sessionid'].value}"
    for length in ({"content_length": str(MB)}, CHUNKED):
        response = program("POST", "/registry/train/", stream=Unread(), cookie=cookie, **length)
        assert response.status_code == 403  # it has no CSRF token


def test_a_session_is_verified_once_for_a_body_in_chunks(rf, page: Client, django_assert_num_queries):
    application = RequestBody(lambda environ, start: [b""])
    environ = rf.post("/datasets/upload", content_type=FORM).environ | {
        "HTTP_COOKIE": f"sessionid={page.cookies['sessionid'].value}",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input_terminated": True,
        "wsgi.input": Unread(),
    }
    with django_assert_num_queries(2):
        application(environ, None)


def test_a_session_of_an_earlier_key_outlives_the_check_of_its_body(rf, page: Client, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    cookie = f"sessionid={page.cookies['sessionid'].value}"
    assert credentials.are_valid(rf.post("/").environ | {"HTTP_COOKIE": cookie})
    assert page.get("/").status_code == 200


def test_a_large_body_is_503_while_the_database_is_down(program, signed):
    def fail(*args):
        raise OperationalError

    with connection.execute_wrapper(fail):
        response = program("POST", "/predict", b"x", content_length=str(MB), **signed)
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("size", [MB, MB + 1])
def test_anonymous_invocations_have_a_limit_of_their_own(program, settings, size):
    settings.INVOCATIONS_ANONYMOUS, settings.INVOCATIONS_ANONYMOUS_MB = True, 1
    status = 400 if size == MB else 401
    for content, headers in ((b" " * size, {}), (gzip.compress(b" " * size), {"content_encoding": "gzip"})):
        response = program("POST", "/invocations", content, content_length=str(len(content)), **headers)
        assert response.status_code == (413 if headers and size > MB else status)


def test_a_compressed_body_expands_to_the_limit_of_its_address(program, small_limits, signed):
    content = gzip.compress(b"{" + b" " * MB)
    response = program("POST", "/train", content, content_encoding="gzip", **signed)
    assert (response.status_code, response.json()["detail"]) == (
        413,
        "The request is larger than the 1 MB limit.",
    )
