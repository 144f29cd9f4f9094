"""Bodies in chunks, compressed bodies, and large bodies that are not read."""

import gzip
import io
import json
import weakref
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from mlplatform.auth import tokens
from mlplatform.web.request_body import (
    DECOMPRESSED,
    LARGE_BYTES,
    SMALL_BYTES,
    RequestBody,
    read_content,
)
from mlplatform.web.request_limits import MB
from tests.conftest import FLOWERS

pytestmark = pytest.mark.django_db
CHUNKED = {"transfer_encoding": "chunked"}
PREDICT = {"dataset_name": "flowers", "environment": "dev", "input_data": {"features": [[5, 1.5, "red"]]}}


@pytest.fixture
def small_limits(settings):
    settings.MAX_FORM_MB, settings.MAX_UPLOAD_MB = 1, 2


@pytest.fixture
def signed(admin):
    return {"authorization": f"Bearer {tokens.create(admin).token}"}


@pytest.fixture
def in_chunks(program, signed):
    """Sends a body without a length, as the web servers hand it over."""

    def send(path, content: bytes, **headers):
        return program("POST", path, content, content_length="", **CHUNKED | signed | headers)

    return send


def test_a_json_body_in_chunks_is_accepted_on_the_fast_path_and_elsewhere(in_chunks, make_version):
    make_version()
    assert in_chunks("/predict", json.dumps(PREDICT).encode()).json()["predictions"] == ["tulip"]
    promotion = {"dataset_name": "flowers", "version": 1, "target_stage": "staging"}
    assert in_chunks("/promote", json.dumps(promotion).encode()).status_code == 200


def test_a_body_in_chunks_can_be_empty(in_chunks):
    assert in_chunks("/jobs/99/cancel", b"").json()["code"] == "job_not_found"


def test_an_upload_in_chunks_is_stored_whole(in_chunks, api):
    form = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("flowers.csv", FLOWERS.encode())})
    response = in_chunks("/datasets/upload", form, content_type=MULTIPART_CONTENT)
    assert (response.status_code, response.json()["size_bytes"]) == (201, len(FLOWERS))


def test_a_form_of_a_page_in_chunks_is_accepted(program, make_user):
    make_user(username="grace")
    form = b"username=grace&password=wrong"
    response = program(
        "POST", "/accounts/login/", form, content_type="application/x-www-form-urlencoded", content_length="",
        accept="text/html", **CHUNKED,
    )  # fmt: skip
    assert response.status_code == 403  # it has no CSRF token


@pytest.mark.parametrize(
    ("content_type", "sentence"),
    [
        ("application/json", "The request exceeds the limit of 1 MB."),
        (MULTIPART_CONTENT, "The file exceeds the limit of 2 MB."),
    ],
)
def test_a_body_in_chunks_over_the_limit_is_refused_while_it_is_read(
    in_chunks, small_limits, content_type, sentence
):
    response = in_chunks("/datasets/upload", b"x" * (3 * 1024**2 + 1), content_type=content_type)
    assert (response.status_code, response.json()["detail"]) == (413, sentence)
    assert response["Connection"] == "close"
    page = in_chunks(
        "/catalog/upload/", b"x" * (3 * 1024**2 + 1), content_type=content_type, accept="text/html"
    )
    assert (page.status_code, sentence in page.content.decode()) == (413, True)


class Malformed(io.BytesIO):
    def read(self, size):
        raise ValueError("invalid chunk size")  # as gunicorn does


def test_malformed_chunks_are_400(program):
    response = program("POST", "/v2/models/iris/infer", stream=Malformed(), **CHUNKED)
    assert (response.status_code, response["Connection"]) == (400, "close")
    assert response.json() == {"error": "The request body is not in valid chunks, or ended early."}


def test_chunks_that_the_web_server_does_not_decode_are_refused(rf, client):
    response = client.post("/predict", headers={"transfer-encoding": "chunked"})
    assert (response.status_code, response.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_json_body_is_accepted_by_every_call(program, signed, make_version, encoding, compress):
    make_version()
    promotion = {"dataset_name": "flowers", "version": 1, "target_stage": "staging"}
    for path, body in {"/predict": PREDICT, "/promote": promotion}.items():
        content = compress(json.dumps(body).encode())
        assert program("POST", path, content, content_encoding=encoding, **signed).status_code == 200


@pytest.mark.parametrize(
    ("content", "encoding", "status", "code"),
    [
        (b"{}", "gzip", 400, "parse_error"),
        (gzip.compress(b"{}")[:-4], "gzip", 400, "parse_error"),
        (gzip.compress(b" " * 8 * 1024**2), "gzip", 413, "too_large"),
        (b"{}", "br", 415, "unsupported_encoding"),
    ],
    ids=["not-gzip", "truncated", "bomb", "brotli"],
)
@pytest.mark.parametrize("path", ["/train", "/predict"])
def test_an_invalid_compressed_body_is_refused(program, signed, path, content, encoding, status, code):
    response = program("POST", path, content, content_encoding=encoding, **signed)
    assert (response.status_code, response.json()["code"]) == (status, code)


class Parts(list):
    is_closed = False

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize(
    ("headers", "is_drained"),
    [
        ({"CONTENT_LENGTH": str(SMALL_BYTES + 1)}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
        ({"CONTENT_LENGTH": str(SMALL_BYTES)}, False),
        ({}, False),
    ],
    ids=["large", "chunked", "small", "none"],
)
def test_the_unread_part_of_a_large_body_is_drained_after_the_response(headers, is_drained):
    body, parts = io.BytesIO(b"x" * (SMALL_BYTES + 1)), Parts([b"refused"])
    response = RequestBody(lambda environ, start: parts)(headers | {"wsgi.input": body}, None)
    assert list(response) == [b"refused"]
    assert body.tell() == 0
    response.close()
    assert parts.is_closed
    assert (body.read() == b"") is is_drained


class Cycle:
    """What is freed by a collection only, as a parsed body is."""

    def __init__(self):
        self.cycle = self


@pytest.mark.parametrize(("size", "is_freed"), [(LARGE_BYTES, False), (LARGE_BYTES + 1, True)])
def test_the_memory_of_a_large_body_is_released_after_the_response(size, is_freed):
    freed = []

    def respond(environ, start):
        body = Cycle()
        weakref.finalize(body, freed.append, True)
        return [body]

    environ = {"CONTENT_LENGTH": str(size), "wsgi.input": io.BytesIO()}
    RequestBody(respond)(environ, None).close()
    assert bool(freed) is is_freed


def test_the_size_of_a_compressed_body_counts_once_it_is_decompressed(rf):
    request = rf.post(
        "/predict", gzip.compress(b" " * MB), "application/json", headers={"content-encoding": "gzip"}
    )
    read_content(request)
    assert request.META[DECOMPRESSED] == MB


def test_a_client_that_disconnects_ends_the_reading():
    class Disconnected:
        def read(self, size):
            raise ConnectionResetError

    application = RequestBody(lambda environ, start: [b"refused"])
    response = application({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": Disconnected()}, None)
    assert list(response) == [b"refused"]
    response.close()


def test_a_compressed_multipart_body_is_refused(program, signed):
    form = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("flowers.csv", FLOWERS.encode())})
    response = program(
        "POST", "/datasets/upload", form, content_type=MULTIPART_CONTENT, content_encoding="gzip", **signed
    )
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_encoding")


def test_a_body_that_is_shorter_than_its_length_is_not_used(program, signed, make_version):
    """A table in CSV could end after any of its rows."""
    make_version()
    rows, headers = b"5,1.5,red\n", signed | {"x-model": "flowers@dev"}
    whole = program("POST", "/invocations", rows, content_type="text/csv", **headers)
    assert whole.json() == {"predictions": ["tulip"]}
    short = program("POST", "/invocations", rows, content_type="text/csv", content_length="20", **headers)
    assert (short.status_code, short.json()["message"]) == (400, "The request body ended early.")
    promotion = {"dataset_name": "flowers", "version": 1, "target_stage": "staging"}
    assert program("POST", "/promote", promotion, content_length="200", **signed).status_code == 400
    assert program("POST", "/promote", promotion, **signed).status_code == 200


def test_credentials_are_small(program):
    """Anyone can send them, also compressed."""
    content = b'{"username": "' + b"x" * 200_000
    for headers, sent in [({}, content), ({"content_encoding": "gzip"}, gzip.compress(content))]:
        response = program("POST", "/auth/token", sent, **headers)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("headers", [{}, CHUNKED | {"content_length": ""}], ids=["length", "chunked"])
def test_an_upload_that_ends_early_is_not_stored(program, signed, headers, api):
    form = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("flowers.csv", FLOWERS.encode())})
    headers = {"content_length": str(len(form))} | headers | signed
    for end in (b"", b"\n--"):
        short = form[:-100] + end
        response = program("POST", "/datasets/upload", short, content_type=MULTIPART_CONTENT, **headers)
        assert (response.status_code, response.json()["code"]) == (400, "parse_error")
    assert api.get("/datasets").json()["count"] == 0
