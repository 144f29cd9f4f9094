"""The web server by HTTP, with gunicorn and granian: connections, framing, stops, kills and `manage.py serve`."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import psutil
import pytest
import requests

from tests.servers.platform import ROOT, ROWS, TABLE
from tests.servers.processes import free_ports, until
from tests.stack.conftest import on_postgres_and_s3, on_sqlite_and_files
from tests.stack.test_serving import Callers

THREADS = 2 * 8  # of both web processes
CSV = "length,width,colour\n5,1.5,red\n9,1.6,blue\n,1.7,green\n11,,\n"


def connect(platform) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", platform.port, timeout=60)


def get(connection, path: str, *, method: str = "GET", **headers) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response, response.read()


def test_more_connections_than_threads_are_all_answered(platform):
    connections = [connect(platform) for _ in range(3 * THREADS)]
    for turn in range(5):
        for place, connection in enumerate(connections):
            number = f"turn-{turn}-connection-{place}"
            response, _ = get(connection, "/version", **{"X-Request-Id": number})
            assert (response.status, response.headers["X-Request-Id"]) == (200, number)


def test_idle_connections_hold_no_thread(platform):
    with contextlib.ExitStack() as stack:
        for _ in range(2 * THREADS):
            idle = stack.enter_context(contextlib.closing(connect(platform)))
            assert get(idle, "/version")[0].status == 200
        response, _ = get(connect(platform), "/livez")
        assert response.status == 200


def test_pipelined_requests_are_answered_in_their_order(platform):
    with socket.create_connection(("127.0.0.1", platform.port), timeout=60) as client:
        head = "GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: pipelined-{}\r\n\r\n"
        client.sendall("".join(head.format(number) for number in range(5)).encode())
        received = b""
        while b"pipelined-4" not in received:
            received += client.recv(65536)
    assert re.findall(rb"pipelined-(\d)", received) == [b"0", b"1", b"2", b"3", b"4"]


def test_head_has_the_length_of_get_and_no_body(platform):
    connection = connect(platform)
    full, body = get(connection, "/version")
    head, nothing = get(connection, "/version", method="HEAD")
    assert (head.status, head.headers["Content-Length"]) == (200, full.headers["Content-Length"])
    assert (len(body), nothing) == (int(full.headers["Content-Length"]), b"")


def test_an_address_of_eight_thousand_bytes_is_answered_with_a_sentence(platform):
    response, body = get(connect(platform), f"/version?{'x' * 8000}=1")
    assert (response.status, json.loads(body)["code"]) == (400, "unknown_parameter")


def test_a_body_in_chunks_is_read_whole(platform):
    connection = connect(platform)
    signed = {"Authorization": f"Bearer {platform.token}", "Content-Type": "application/json"}
    body = json.dumps({"dataset_name": "in_chunks", "version": 1, "target_stage": "staging"}).encode()
    for _ in range(2):
        connection.request("POST", "/promote", iter([body[:9], body[9:]]), signed, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, json.load(response)["code"]) == (404, "dataset_not_found")


@pytest.mark.parametrize("chunks", ["zz\r\n{}\r\n0\r\n\r\n", "5\r\n{}"], ids=["invalid", "truncated"])
def test_malformed_chunks_are_refused(platform, chunks):
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {platform.token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", platform.port), timeout=60) as client:
        client.sendall((head + chunks).encode())
        client.shutdown(socket.SHUT_WR)
        received = client.recv(65536)
    assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
    assert "Traceback" not in platform.logs()


def test_a_client_cannot_set_the_prefix_of_links(platform):
    for name in ("X-Forwarded-Prefix", "X_Forwarded_Prefix"):
        response, _ = get(connect(platform), "/catalog", **{name: "/evil"})
        assert response.headers["Location"] == "/catalog/"
    assert get(connect(platform), "/evil/catalog", SCRIPT_NAME="/evil")[0].status == 404


def test_a_file_arrives_whole_over_a_kept_connection(platform):
    platform.upload("kept_file")
    connection = connect(platform)
    for _ in range(3):
        response, body = get(connection, "/datasets/kept_file/file", Authorization=f"Bearer {platform.token}")
        assert (response.status, body.decode()) == (200, TABLE)


def test_a_range_and_the_head_of_a_file_arrive_over_a_kept_connection(platform):
    platform.upload("ranged_file")
    connection, signed = connect(platform), {"Authorization": f"Bearer {platform.token}"}
    for _ in range(2):
        response, body = get(connection, "/datasets/ranged_file/file", Range="bytes=5-9", **signed)
        assert (response.status, body.decode()) == (206, TABLE[5:10])
        response, body = get(connection, "/datasets/ranged_file/file", method="HEAD", **signed)
        assert (response.headers["Content-Length"], body) == (str(len(TABLE)), b"")


def test_the_metrics_of_all_web_processes_are_summed(platform):
    platform.train_versions("summed")
    for _ in range(20):  # over a connection each, so that both processes answer some
        assert platform.predict("summed", "dev").status_code == 200
    lines = platform.get("/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith("mlmp_predict_requests_total") and '"summed"' in line]
    assert sum(float(line.split()[-1]) for line in counts) == 20


def test_a_graceful_stop_finishes_running_requests_logs_them_and_ends_every_process(platform):
    file = (
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="late.csv"\r\n\r\n{TABLE}\r\n--b--\r\n'
    )
    head = (
        "POST /datasets/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Authorization: Bearer {platform.token}\r\nX-Request-Id: late\r\nContent-Length: {len(file)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    children = platform.web_processes()
    idle = connect(platform)
    assert get(idle, "/livez")[0].status == 200
    with socket.create_connection(("127.0.0.1", platform.port), timeout=60) as client:
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 100 ")  # the server has read the head
        client.sendall(file[:100].encode())
        platform.web.send_signal(signal.SIGTERM)
        assert idle.sock.recv(1) == b""  # the server has begun to stop
        client.sendall(file[100:].encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 201 ")
    assert platform.processes.stop(platform.web) == 0
    assert not any(child.is_running() for child in children)
    assert len(re.findall(r"INFO request POST /datasets/upload 201 .* \[late\]", platform.logs())) == 1
    platform.start_web()
    assert platform.get("/datasets/late").status_code == 200


@on_postgres_and_s3
def test_each_granian_process_has_its_own_listener_and_no_second_server_shares_their_port(platform):
    def listeners() -> set[str]:
        """A process that has just started loads models before it listens."""
        return {
            os.readlink(f"/proc/{process.pid}/fd/{connection.fd}")
            for process in platform.web_processes()
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }

    until(lambda: len(listeners()) == 2, what="A listener of each process")
    second = subprocess.run(
        [sys.executable, "-m", "mlplatform.web"], env=platform.env, stderr=subprocess.PIPE
    )
    assert second.returncode == 1
    assert b"Address already in use" in second.stderr


def test_a_stop_answers_the_connections_that_no_web_process_has_accepted_yet(platform):
    children = platform.web_processes()
    for child in children:
        child.suspend()
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(contextlib.closing(connect(platform))) for _ in range(20)]
        for connection in waiting:
            connection.request("GET", "/version")
        platform.web.send_signal(signal.SIGTERM)
        for child in children:
            child.resume()
        assert [connection.getresponse().status for connection in waiting] == [200] * 20
    assert platform.processes.stop(platform.web) == 0
    platform.start_web()


def test_web_processes_end_when_their_parent_was_killed(platform):
    children = platform.web_processes()
    platform.web.kill()
    until(lambda: not any(child.is_running() for child in children), what="The end of both")
    platform.processes.stop(platform.web)
    platform.start_web()


def test_a_killed_web_process_costs_only_the_requests_that_it_was_answering(platform):
    platform.train_versions("killed_web")
    platform.promote("killed_web", 1, "production")
    expected = platform.predict("killed_web", "production", probabilities=True).json()
    victim, _ = platform.web_processes()
    with Callers(platform, "killed_web") as callers:
        until(lambda: len(callers.responses) > 100, what="Predictions before the kill")
        victim.kill()
        until(lambda: len(set(platform.web_processes()) - {victim}) == 2, what="A new web process")
        count = len(callers.responses)
        until(lambda: len(callers.responses) > count + 100, what="Predictions after the kill")
    assert len(callers.broken) <= len(callers.threads)
    assert all((status, body) == (200, expected) for _, status, _, body in callers.responses)


def test_a_graceful_stop_under_load_breaks_no_response(platform):
    platform.train_versions("stopped")
    platform.promote("stopped", 1, "production")
    expected = platform.predict("stopped", "production", probabilities=True).json()
    with Callers(platform, "stopped") as callers:
        until(lambda: len(callers.responses) > 100, what="Predictions before the stop")
        platform.restart_web()
        count = len(callers.responses)
        until(lambda: len(callers.responses) > count, what="A prediction of the new server")
    assert platform.web.poll() is None
    assert all((status, body) == (200, expected) for _, status, _, body in callers.responses)


@on_postgres_and_s3
def test_a_web_server_that_starts_without_its_database_says_so_and_recovers(platform, postgres):
    platform.train_versions("early")
    platform.promote("early", 1, "production")
    platform.processes.stop(platform.web)
    postgres.stop()
    try:
        platform.start_web(probe="/livez")
        ready = platform.get("/readyz", token=None)
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "no answer")
        response = platform.predict("early", "production")
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
        assert int(response.headers["Retry-After"]) > 0
    finally:
        postgres.start()
    until(lambda: platform.predict("early", "production").status_code == 200, what="A prediction")
    until(lambda: platform.get("/readyz", token=None).json()["status"] == "ok", what="Readiness")


@pytest.fixture(params=["gunicorn", "granian"])
def alone(request, platform):
    """A function that calls `manage.py serve`, its process and its port."""
    if not platform.get("/models/shipped/1").ok:
        platform.train_versions("shipped")
        platform.promote("shipped", 1, "production")
    (port,) = free_ports(1)
    command = [sys.executable, ROOT / "manage.py", "serve", "--host=127.0.0.1", f"--port={port}"]
    env = platform.env | {
        "INVOCATIONS_MODEL": "shipped@production",
        "WEB_SERVER": request.param,
        "ALLOWED_HOSTS": "model.example.internal",
    }
    process = platform.processes.start(command, env=env, log=platform.folder / "serve.log")

    def call(method, path, *, data=None, content_type="application/json"):
        headers = {"Host": "model.aws.local:8080", "Content-Type": content_type}
        return requests.request(
            method, f"http://127.0.0.1:{port}{path}", data=data, headers=headers, timeout=60
        )

    def is_up() -> bool:
        try:
            return call("GET", "/ping").status_code == 200
        except requests.ConnectionError:
            return False

    until(is_up, what="200 from /ping")
    yield call, process, port
    if process.poll() is None:
        platform.processes.stop(process)


@on_sqlite_and_files
def test_manage_serve_answers_as_sagemaker_expects_of_a_container(platform, alone):
    call, process, port = alone
    ping = call("GET", "/ping")  # its own limit is 1.5 s, SageMaker's is 2 s
    assert (ping.status_code, ping.content) == (200, b"")
    expected = platform.predict("shipped", "production", ROWS).json()["predictions"]
    response = call("POST", "/invocations", data=CSV, content_type="text/csv")
    assert (response.status_code, response.json()) == (200, {"predictions": expected})
    for host in (f"127.0.0.1:{port}", "model.example.internal"):  # a router may send its own host name
        headers = {"Host": host, "Content-Type": "text/csv"}
        by_name = requests.post(f"http://127.0.0.1:{port}/invocations", CSV, headers=headers)
        assert by_name.json() == response.json()
    assert call("POST", "/v2/models/shipped/infer", data="{}").status_code == 401
    image_health = [sys.executable, ROOT / "mlplatform/web/probe.py", str(free_ports(1)[0]), str(port)]
    assert subprocess.run(image_health).returncode == 0
    assert platform.processes.stop(process, signal.SIGINT) == 0  # Ctrl-C
