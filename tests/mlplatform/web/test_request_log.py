"""Every response has a request id, and the log has it too."""

import logging
import os
import re

import pytest
from django.urls import path

from mlplatform.web.request_log import (
    MAX_WAITING,
    LineWriter,
    RequestLog,
    WithoutExpectedTracebacks,
    WithRequestId,
)

pytestmark = pytest.mark.django_db
NEVER_S = 3600


def crash(request):
    raise LookupError("a bug")


urlpatterns = [path("crash", crash)]
handler500 = "mlplatform.errors.server_error"


@pytest.fixture
def pipe():
    """A function that reads what was written, and the descriptor to write to."""
    reader, writer = os.pipe()
    yield lambda: os.read(reader, 4_000_000).decode(), writer
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("address", ["/livez", "/nothing", "/predict", "/v2/models/nothing"])
def test_every_response_has_its_own_request_id(program, address):
    ids = {program("GET", address)["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)


def test_a_valid_request_id_of_the_caller_is_kept(program):
    assert program("GET", "/livez", x_request_id="order-7.retry_2")["X-Request-Id"] == "order-7.retry_2"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "7\x1b[31m", "é", "a\n"], ids=repr)
def test_an_invalid_request_id_of_the_caller_is_replaced(program, given):
    assert re.fullmatch("[0-9a-f]{16}", program("GET", "/livez", x_request_id=given)["X-Request-Id"])


def request_through(log: RequestLog, method: str, path: str, request_id: str) -> None:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_X_REQUEST_ID": request_id}
    log(environ, lambda status, headers: None)


def test_the_log_has_a_line_for_each_request_except_probes(pipe):
    read, writer = pipe

    def application(environ, start_response):
        environ["SCRIPT_NAME"] = "/ml"  # as UrlPrefix does
        start_response("404 Not Found", [])
        return []

    log = RequestLog(application, lines=LineWriter(writer, every_s=NEVER_S))
    request_through(log, "POST", "/predict", "seven")
    request_through(log, "GET", "/sch\xc3\xb6n\nINFO forged", "eight")
    request_through(log, "GET", "/livez", "nine")
    request_through(log, "GET", "/ml/static/app.css", "ten")
    log.flush()
    first, second = read().splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(stamp + r" INFO request POST /predict 404 \d+\.\d ms \[seven\]", first)
    assert re.fullmatch(
        stamp + r" INFO request GET /sch%C3%B6n%0AINFO%20forged 404 \d+\.\d ms \[eight\]", second
    )


def test_request_log_false_turns_the_log_off_and_keeps_the_request_id(settings):
    settings.REQUEST_LOG = False
    log = RequestLog(lambda environ, start: start("204 No Content", []))
    sent = []
    log({"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, lambda status, headers: sent.extend(headers))
    assert log.lines is None
    assert [name for name, _ in sent] == ["X-Request-Id"]


@pytest.mark.urls(__name__)
def test_a_crash_is_logged_and_shown_with_the_request_id(program, caplog):
    caplog.handler.addFilter(WithRequestId())
    response = program("GET", "/crash", accept="application/json")
    request_id = response["X-Request-Id"]
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert request_id in response.json()["detail"]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.request_id == f" [{request_id}]"
    page = program("GET", "/crash", accept="text/html", x_request_id="seven")
    assert "<code>seven</code>" in page.content.decode()


@pytest.mark.parametrize(("level", "has_traceback"), [(logging.WARNING, False), (logging.ERROR, True)])
def test_a_refused_request_has_no_traceback_in_the_log_and_a_crash_has(level, has_traceback):
    record = logging.LogRecord(
        "django.request", level, __file__, 1, "Forbidden: /", (), (OSError, OSError(), None)
    )
    assert WithoutExpectedTracebacks().filter(record)
    assert bool(record.exc_info) == has_traceback


def test_lines_that_nothing_reads_are_counted_and_dropped(pipe):
    read, writer = pipe
    lines = LineWriter(writer, every_s=NEVER_S)
    for _ in range(MAX_WAITING + 5):
        lines.add("x\n")
    assert (len(lines.waiting), lines.dropped) == (MAX_WAITING, 5)
    lines.waiting.clear()  # more than a pipe holds
    lines.flush()
    assert "5 request log lines were dropped" in read()


def test_requests_succeed_if_nothing_reads_the_log():
    reader, writer = os.pipe()
    os.close(reader)
    lines = LineWriter(writer, every_s=NEVER_S)
    lines.add("x\n")
    lines.flush()
    os.close(writer)
    assert not lines.waiting
