"""The shipped proxy in front of web servers that stop, are killed, or have slow clients."""

import contextlib
import socket
import sys
from types import SimpleNamespace

import psutil
import requests

from tests.servers.platform import PASSWORD
from tests.servers.processes import free_ports, until
from tests.servers.proxy import Proxy
from tests.stack.conftest import on_sqlite_and_files
from tests.stack.test_serving import Callers

SLOW_CLIENTS = 200


@contextlib.contextmanager
def second_server(platform):
    """Another web server of a platform: its port, and its process."""
    (port,) = free_ports(1)
    process = platform.processes.start(
        [sys.executable, "-m", "mlplatform.web"],
        env=platform.env | {"PORT": str(port)},
        log=platform.folder / "second.log",
    )

    def is_ready() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200
        except requests.ConnectionError:
            return False

    until(is_ready, what="A second web server")
    yield port, process
    if process.poll() is None:
        platform.processes.stop(process)


def test_no_prediction_fails_while_one_of_two_servers_restarts_hangs_and_is_killed(platform):
    platform.train_versions("rolling")
    platform.promote("rolling", 1, "production")
    expected = platform.predict("rolling", "production", probabilities=True).json()
    with second_server(platform) as (port, second):
        family = [psutil.Process(second.pid), *psutil.Process(second.pid).children(recursive=True)]
        proxy = Proxy(platform.processes, platform.port, port)
        balanced = SimpleNamespace(url=proxy.url, token=platform.token)
        with Callers(balanced, "rolling") as callers:
            callers.wait_for(100)
            for process in family:
                process.suspend()
            callers.wait_for(100)
            for process in family:
                process.resume()
            callers.wait_for(100)
            platform.restart_web()
            callers.wait_for(100)
            assert not callers.broken
            platform.web_processes()[0].kill()
            callers.wait_for(100)
            for process in family:
                process.kill()
            callers.wait_for(100)
        until(lambda: len(platform.web_processes()) == 2, what="A new web process")
        platform.processes.stop(proxy.process)
    # A response of which a part had been sent when its process was killed cannot be taken back.
    assert len(callers.broken) <= len(callers.threads)
    assert [body for _, status, _, body in callers.responses if (status, body) != (200, expected)] == []


@on_sqlite_and_files
def test_slow_clients_behind_the_proxy_stop_nobody_else_with_gunicorn(platform):
    """As many as hold every thread of gunicorn if they reach it, in the head and in the body."""
    proxy = Proxy(platform.processes, platform.port)
    head = "POST /auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as stack, requests.Session() as user:
        user.trust_env = False
        for place in range(SLOW_CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=60))
            client.sendall(head.encode() + b"{" if place % 2 else head[:30].encode())
        for _ in range(10):
            assert user.get(f"{proxy.url}/livez", timeout=20).status_code == 200
        page = user.get(f"{proxy.url}/accounts/login/", timeout=20)
        form = {
            "username": "admin",
            "password": PASSWORD,
            "csrfmiddlewaretoken": user.cookies["csrftoken"],
        }
        user.post(page.url, form, headers={"Referer": page.url}, timeout=20)
        assert "Sign out" in user.get(f"{proxy.url}/catalog/", timeout=20).text
    platform.processes.stop(proxy.process)
