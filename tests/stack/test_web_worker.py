"""The web server's worker: every connection gets its answers, however many there are and however they ask."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mlplatform.web import web_worker
from tests.stack.servers import free_ports, until

THREADS = 2
COMMAND = [
    sys.executable, "-m", "gunicorn", "-k", "mlplatform.web.web_worker.WebWorker", "--threads", THREADS,
    "--keep-alive", "5", "--no-control-socket", "tests.stack.test_web_worker:echo",
]  # fmt: skip


def echo(environ, start_response):
    """A WSGI application that answers the path; /slow takes half a second, /file is one, /nothing has no body.

    /worker is who answers.
    """
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.5)
    if environ["PATH_INFO"] == "/nothing":
        start_response("204 No Content", [])
        return []
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [("Content-Length", str(Path(__file__).stat().st_size))])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    body = environ["PATH_INFO"].encode()
    if environ["PATH_INFO"] == "/worker":
        body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextlib.contextmanager
def started(workers: int):
    (port,) = free_ports(1)
    command = [str(part) for part in COMMAND] + ["-w", str(workers), "-b", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command)
    until(lambda: is_open(port), what="the server's port")
    yield process, port
    process.terminate()
    process.wait(15)


@pytest.fixture(scope="module")
def server():
    with started(workers=1) as found:
        yield found


def is_open(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def connected(server) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server[1], timeout=10)


def ask(connection, path: str) -> str:
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def test_more_connections_than_threads_are_all_answered(server):
    connections = [connected(server) for _ in range(4 * THREADS)]
    for turn in range(30):
        for place, connection in enumerate(connections):
            assert ask(connection, f"/{turn}/{place}") == f"/{turn}/{place}"


def test_a_connection_that_pauses_is_still_there(server):
    connection = connected(server)
    for pause in (0, 0.001, 0.01, 0.3):
        time.sleep(pause)
        assert ask(connection, "/again") == "/again"


def test_requests_that_arrive_together_are_answered_one_after_the_other(server):
    with socket.create_connection(("127.0.0.1", server[1]), timeout=10) as client:
        client.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(5)))
        said = b""
        while b"/4" not in said:
            said += client.recv(65536)
    places = [said.index(b"\r\n\r\n/%d" % number) for number in range(5)]
    assert places == sorted(places)


def test_an_answer_is_one_packet_whatever_it_is_made_of(server):
    with socket.create_connection(("127.0.0.1", server[1]), timeout=10) as client:
        for _ in range(20):
            client.sendall(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(65536).endswith(b"\r\n\r\n/whole")


def test_answers_without_a_body_and_files_arrive_whole_and_in_order(server):
    connection = connected(server)
    for _ in range(3):
        assert ask(connection, "/nothing") == ""
        assert ask(connection, "/file") == Path(__file__).read_text()
        assert ask(connection, "/text") == "/text"
        connection.request("HEAD", "/head")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "5", b"")


def test_idle_connections_hold_no_thread(server):
    idle = [connected(server) for _ in range(3 * THREADS)]
    for connection in idle:
        ask(connection, "/")
    start = time.monotonic()
    assert ask(connected(server), "/new") == "/new"
    assert time.monotonic() - start < 1


def test_an_answer_that_takes_long_holds_up_nobody(server):
    slow, quick = connected(server), connected(server)
    ask(quick, "/")
    slow.request("GET", "/slow")
    start = time.monotonic()
    for _ in range(50):
        ask(quick, "/quick")
    assert time.monotonic() - start < 0.4
    assert slow.getresponse().read() == b"/slow"


def test_clients_that_never_close_hold_up_nobody(server):
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server[1]), timeout=10))
            client.sendall(b"GET /old HTTP/1.0\r\n\r\n")
            assert client.recv(65536).endswith(b"/old")
        start = time.monotonic()
        for _ in range(10):
            assert ask(connected(server), "/new") == "/new"
        assert time.monotonic() - start < 1
        assert client.recv(1) == b""  # our side has closed


def test_a_client_that_falls_silent_within_a_request_is_given_up(monkeypatch):
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(web_worker, "SILENCE_S", 1)
    with web_worker.Joining(ours) as connection, theirs:
        theirs.sendall(b"GET / HT")
        assert connection.recv(100) == b"GET / HT"
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
        with pytest.raises(ConnectionResetError):
            connection.sendall(b"x" * 50_000_000)


def test_a_server_that_is_told_to_stop_answers_what_it_has_begun(server):
    process, _ = server
    busy, kept = connected(server), connected(server)
    ask(kept, "/")
    busy.request("GET", "/slow")
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert busy.getresponse().read() == b"/slow"
    assert process.wait(15) == 0


def test_connections_that_come_together_are_shared_out_evenly():
    with started(workers=2) as found:
        until(lambda: len({ask(connected(found), "/worker") for _ in range(9)}) == 2, what="Both workers")
        even = 0
        for _ in range(20):
            connections = [connected(found) for _ in range(4)]
            for connection in connections:
                connection.connect()
            answered = Counter(ask(connection, "/worker") for connection in connections)
            even += sorted(answered.values()) == [2, 2]
            for connection in connections:
                connection.close()
            time.sleep(0.02)
    assert even > 13  # of 20; when each takes what it can, 4
