"""Bodies that are too large by their Content-Length are refused before they are read."""

import pytest

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
