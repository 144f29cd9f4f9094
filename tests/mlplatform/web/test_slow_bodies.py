"""Bodies that arrive slowly hold no turn, and large ones few threads."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from mlplatform.web.request_body import SMALL_BYTES, RequestBody, Turns
from mlplatform.web.request_limits import REFUSAL

pytestmark = pytest.mark.django_db


class SlowBody:
    def __init__(self):
        self.is_read, self.has_arrived = threading.Event(), threading.Event()

    def read(self, size):
        self.is_read.set()
        self.has_arrived.wait(60)
        return b"x" * size


def in_new_thread(call, *args):
    """The result of a call in a thread that has no database connection, and so none of this test."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *args).result(60)


def test_a_request_whose_body_arrives_slowly_takes_no_turn():
    application = Turns(lambda environ, start: [environ["wsgi.input"].read(1)], turns=1)
    body = SlowBody()
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(application, {"CONTENT_LENGTH": "1", "wsgi.input": body}, None)
        assert body.is_read.wait(60)
        assert in_new_thread(application, {"wsgi.input": io.BytesIO(b"y")}, None) == [b"y"]
        body.has_arrived.set()
        assert slow.result(60) == [b"x"]


def test_a_body_that_is_read_ahead_is_complete():
    application = Turns(lambda environ, start: [environ["wsgi.input"].read(2 * SMALL_BYTES)], turns=1)
    content = b"a" * SMALL_BYTES + b"b" * SMALL_BYTES
    for headers in ({"CONTENT_LENGTH": str(2 * SMALL_BYTES)}, {"HTTP_TRANSFER_ENCODING": "chunked"}):
        assert in_new_thread(application, headers | {"wsgi.input": io.BytesIO(content)}, None) == [content]


def test_chunks_that_stop_at_the_anonymous_limit_hold_no_turn(rf):
    content = io.BytesIO(b"x" * 2 * SMALL_BYTES)
    application = Turns(
        RequestBody(lambda environ, start: [content.tell(), environ[REFUSAL].status]), turns=1
    )
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "wsgi.input": content}
    assert list(in_new_thread(application, rf.post("/auth/token").environ | chunks, None)) == [
        SMALL_BYTES + 1,
        401,
    ]


def test_the_threads_of_a_turn_share_its_database_connection():
    application = Turns(lambda environ, start: [connections["default"]], turns=1)
    first, second = (in_new_thread(application, {"wsgi.input": io.BytesIO()}, None)[0] for _ in range(2))
    assert first is second
    assert first.allow_thread_sharing


def test_large_bodies_are_received_by_half_of_the_threads(settings):
    settings.WEB_THREADS = 2
    refusals = []

    def large() -> dict:
        return {"CONTENT_LENGTH": str(SMALL_BYTES + 1), "wsgi.input": io.BytesIO(b"x" * (SMALL_BYTES + 1))}

    def receive(environ, start):
        for size in (1, SMALL_BYTES):
            environ["wsgi.input"].read(size)
            other = large()
            application = RequestBody(lambda *args: [])
            application.receiving = outer.receiving
            application(other, None)
            refusals.append(getattr(other.get(REFUSAL), "code", None))
        return []

    outer = RequestBody(receive)
    outer(large(), None)
    assert refusals == ["busy", None]
