"""Bodies that are too large or of unknown length are refused, and read to their end before the connection closes."""

import io

import pytest

from mlplatform.web.request_limits import UNREAD_BYTES, DrainRequestBody

pytestmark = pytest.mark.django_db
MB = 1024**2


@pytest.fixture
def small_limits(settings):
    settings.MAX_REQUEST_MB, settings.MAX_UPLOAD_MB = 1, 2


@pytest.mark.parametrize(
    ("content_type", "size", "message"),
    [
        ("application/json", MB + 1, "The request is 2 MB; the limit is 1 MB."),
        ("multipart/form-data; boundary=b", 3 * MB + 1, "The file is 4 MB; the limit is 2 MB."),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/datasets/upload"])
def test_a_large_body_is_refused_before_it_is_read(program, small_limits, path, content_type, size, message):
    response = program(
        "POST", path, b"x", content_type=content_type, content_length=str(size), authorization="Bearer mlmp_x",
        accept="application/json",
    )  # fmt: skip
    assert (response.status_code, response.json()["detail"]) == (413, message)
    assert response["Connection"] == "close"


def test_a_chunked_body_is_refused(program):
    response = program("POST", "/predict", transfer_encoding="chunked", authorization="Bearer mlmp_x")
    assert (response.status_code, response.json()["code"]) == (411, "length_required")


class Parts(list):
    is_closed = False

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize(
    ("headers", "is_drained"),
    [
        ({"CONTENT_LENGTH": str(UNREAD_BYTES + 1)}, True),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, True),
        ({"CONTENT_LENGTH": str(UNREAD_BYTES)}, False),
        ({}, False),
    ],
    ids=["large", "chunked", "small", "none"],
)
def test_the_unread_part_of_a_large_body_is_drained_after_the_response(headers, is_drained):
    body, parts = io.BytesIO(b"x" * (UNREAD_BYTES + 1)), Parts([b"refused"])
    response = DrainRequestBody(lambda environ, start: parts)(headers | {"wsgi.input": body}, None)
    assert list(response) == [b"refused"]
    assert body.tell() == 0
    response.close()
    assert parts.is_closed
    assert (body.read() == b"") is is_drained


def test_a_client_that_disconnects_ends_the_reading():
    class Disconnected:
        def read(self, size):
            raise ConnectionResetError

    application = DrainRequestBody(lambda environ, start: [b"refused"])
    response = application({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": Disconnected()}, None)
    response.close()
    assert list(response) == [b"refused"]
