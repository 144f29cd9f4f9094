"""Every answer has a number, and the log has it too."""

import logging
import os
import re

import pytest
from django.urls import path

from mlplatform.web import request_log
from mlplatform.web.request_log import Lines, RequestLog, WithRequestId

pytestmark = pytest.mark.django_db


def crash(request):
    raise LookupError("a mistake of ours")


urlpatterns = [path("crash", crash)]
handler500 = "mlplatform.errors.server_error"


@pytest.mark.parametrize("address", ["/livez", "/nothing", "/predict", "/v2/models/nothing"])
def test_every_answer_has_a_number_of_its_own(program, address):
    numbers = {program("GET", address)["X-Request-Id"] for _ in range(3)}
    assert len(numbers) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", number) for number in numbers)


def test_a_callers_number_is_kept(program):
    assert program("GET", "/livez", x_request_id="order-7.retry_2")["X-Request-Id"] == "order-7.retry_2"


@pytest.mark.parametrize("number", ["", "a b", "x" * 65, "7\x1b[31m", "é", "a\n"])
def test_what_could_not_be_a_number_is_replaced(program, number):
    answered = program("GET", "/livez", x_request_id=number)["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{16}", answered)


def test_the_log_has_a_line_for_each_request(program, capfd):
    program("POST", "/predict", {"rows": []}, authorization="Bearer mlmp_wrong", x_request_id="seven")
    program("GET", "/sch%C3%B6n%0AINFO forged", x_request_id="eight")
    program("GET", "/livez", x_request_id="nine")
    program.lines.flush()
    first, second = capfd.readouterr().err.splitlines()
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(stamp + r" INFO request POST /predict 401 \d+\.\d ms \[seven\]", first)
    assert re.fullmatch(
        stamp + r" INFO request GET /sch%C3%B6n%0AINFO%20forged 404 \d+\.\d ms \[eight\]", second
    )


def test_the_log_can_be_turned_off(settings):
    settings.REQUEST_LOG = False
    silent = RequestLog(lambda environ, start: start("204 No Content", []))
    sent = []
    silent({"PATH_INFO": "/", "REQUEST_METHOD": "GET"}, lambda status, headers: sent.extend(headers))
    assert silent.lines is None
    assert [name for name, _ in sent] == ["X-Request-Id"]


@pytest.mark.urls(__name__)
def test_a_crash_is_logged_and_answered_with_the_number(program, caplog):
    caplog.handler.addFilter(WithRequestId())
    answer = program("GET", "/crash", accept="application/json")
    number = answer["X-Request-Id"]
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert answer.json()["detail"].endswith(f"with the number {number}.")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.request_id == f" [{number}]"
    page = program("GET", "/crash", accept="text/html", x_request_id="seven")
    assert "this number: <code>seven</code>" in page.content.decode()


def test_lines_that_nobody_reads_are_counted_not_kept(capfd):
    lines = Lines()
    lines._call = lambda: None
    for _ in range(request_log.MOST_LINES + 5):
        lines.add("x\n")
    lines.flush()
    written = capfd.readouterr().err.splitlines()
    assert len(written) == request_log.MOST_LINES + 1
    assert "5 lines about requests are left out" in written[-1]


def test_a_log_that_nobody_reads_ends_no_request(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(request_log, "STDERR", writer)
    lines = Lines()
    lines.add("x\n")
    lines.flush()
    os.close(writer)
    assert not lines.waiting
