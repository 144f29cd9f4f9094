"""Web processes that are killed, stopped or started without their database, and `manage.py serve`."""

import signal
import subprocess
import sys
import time

import pytest
import requests

from tests.servers.platform import ROOT, ROWS
from tests.servers.processes import free_ports, until
from tests.stack.test_serving import Callers

CSV = "length,width,colour\n5,1.5,red\n9,1.6,blue\n,1.7,green\n11,,\n"


def test_a_killed_web_process_costs_only_the_requests_that_it_was_answering(platform):
    platform.made("killed_web")
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
    platform.made("stopped")
    platform.promote("stopped", 1, "production")
    expected = platform.predict("stopped", "production", probabilities=True).json()
    with Callers(platform, "stopped") as callers:
        until(lambda: len(callers.responses) > 100, what="Predictions before the stop")
        platform.restart_web()
        count = len(callers.responses)
        until(lambda: len(callers.responses) > count, what="A prediction of the new server")
    assert platform.web.poll() is None
    assert all((status, body) == (200, expected) for _, status, _, body in callers.responses)


def test_a_web_server_that_starts_without_its_database_says_so_and_recovers(postgres_and_s3, postgres):
    platform = postgres_and_s3
    platform.made("early")
    platform.promote("early", 1, "production")
    platform.processes.stop(platform.web)
    postgres.stop()
    try:
        platform.start_web(probe="/livez")
        ready = platform.get("/readyz", token=None)
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "no answer")
        answer = platform.predict("early", "production")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        postgres.start()
    until(lambda: platform.predict("early", "production").status_code == 200, what="A prediction")
    until(lambda: platform.get("/readyz", token=None).json()["status"] == "ok", what="Readiness")


@pytest.fixture(params=["gunicorn", "granian"])
def alone(request, sqlite_and_files):
    """What `manage.py serve` answers: a function of a path, and the process."""
    platform = sqlite_and_files
    if not platform.get("/models/shipped/1").ok:
        platform.made("shipped")
        platform.promote("shipped", 1, "production")
    (port,) = free_ports(1)
    command = [sys.executable, ROOT / "manage.py", "serve", "--host=127.0.0.1", f"--port={port}"]
    env = platform.env | {"INVOCATIONS_MODEL": "shipped@production", "WEB_SERVER": request.param}
    process = platform.processes.start(command, env=env, log=platform.folder / "serve.log")

    def call(method, path, *, data=None, content_type="application/json"):
        # The host is what a router may send: not one of ours.
        headers = {"Host": "model.example.internal", "Content-Type": content_type}
        return requests.request(
            method, f"http://127.0.0.1:{port}{path}", data=data, headers=headers, timeout=10
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


def test_manage_serve_answers_as_sagemaker_expects_of_a_container(sqlite_and_files, alone):
    call, process, port = alone
    begun = time.monotonic()
    ping = call("GET", "/ping")
    assert (ping.status_code, ping.content) == (200, b"")
    assert time.monotonic() - begun < 2
    wanted = sqlite_and_files.predict("shipped", "production", ROWS).json()["predictions"]
    told = call("POST", "/invocations", data=CSV, content_type="text/csv")
    assert (told.status_code, told.json()) == (200, {"predictions": wanted})
    assert call("POST", "/v2/models/shipped/infer", data="{}").status_code == 401
    image_health = [sys.executable, ROOT / "mlplatform/web/probe.py", str(free_ports(1)[0]), str(port)]
    assert subprocess.run(image_health).returncode == 0
    assert sqlite_and_files.processes.stop(process, signal.SIGINT, within=30) == 0  # Ctrl-C
