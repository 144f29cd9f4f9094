"""A running platform, with web server and worker in separate processes, and a browser."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import chromium
from tests.conftest import FLOWERS

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
READY_WITHIN_S = 60
WAIT_MS = 20_000


class Platform:
    def __init__(self, folder: Path):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "DATA_DIR": str(folder / "data"),
            "DJANGO_SETTINGS_MODULE": "mlplatform.settings",
            "PLATFORM_ADMIN_PASSWORD": PASSWORD,
            "PORT": str(port),
            "PYTHONPATH": str(ROOT),
            "WEB_WORKERS": "1",
        }
        self.manage("bootstrap")
        self.token = self.manage("api_token", "admin").strip().splitlines()[-1]
        self.processes = [
            # DEBUG: static files as they are, without collecting them first.
            self._start("web", "-m", "mlplatform.web", DEBUG="true"),
            self._start("worker", "manage.py", "worker"),
        ]
        self._wait_until_ready()

    def manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _start(self, name: str, *words: str, **env: str) -> subprocess.Popen:
        command = [sys.executable, *words]
        with open(self.folder / f"{name}.log", "wb") as log:
            return subprocess.Popen(command, env=self.env | env, cwd=ROOT, stdout=log, stderr=log)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return
            except OSError as error:
                assert time.monotonic() < deadline, (error, (self.folder / "web.log").read_text())
                time.sleep(0.1)

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    running = Platform(tmp_path_factory.mktemp("platform"))
    yield running
    running.stop()


@pytest.fixture
def chrome():
    """One browser per test: Playwright's event loop must not outlive it, or Django refuses database access."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chrome, platform):
    """`visit()` signs in an administrator and returns the page; keywords are options of the browser context."""

    def open_page(**options):
        context = chrome.new_context(base_url=platform.url, **options)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        return page

    return open_page


@pytest.fixture(scope="session")
def filled(platform):
    """The platform with datasets, models (one of them in production) and a failed job."""
    send(platform, "/datasets/upload", FLOWERS, name="garden")
    tree = {"module": "tree", "class": "DecisionTreeClassifier"}
    ask = {"dataset_name": "garden", "target_column": "species"}
    for depth in (1, 3):
        send(platform, "/train", ask | {"model": tree | {"params": {"max_depth": depth}}})
    send(platform, "/promote", {"dataset_name": "garden", "version": 1, "target_stage": "production"})
    houses = "rooms,price\n" + "".join(f"{1 + i % 5},{100.5 + i * 3.25}\n" for i in range(30))
    send(platform, "/datasets/upload", houses, name="houses")
    line = {"module": "linear_model", "class": "LinearRegression"}
    send(platform, "/train", {"dataset_name": "houses", "target_column": "price", "model": line})
    rare = "a,b\n" + "".join(f"{i},x{i}\n" for i in range(20))
    send(platform, "/datasets/upload", rare, name="rare")
    with pytest.raises(urllib.error.HTTPError):
        send(platform, "/train", {"dataset_name": "rare", "target_column": "b", "model": tree})
    return platform


def send(platform: Platform, path: str, content: dict | str, name: str = "") -> None:
    """Send one API request: JSON, or a text as an uploaded file."""
    headers = {"Authorization": f"Bearer {platform.token}", "Content-Type": "application/json"}
    headers["Prefer"] = "wait=60"
    if isinstance(content, str):
        headers["Content-Type"] = "multipart/form-data; boundary=line"
        body = (
            f'--line\r\nContent-Disposition: form-data; name="file"; filename="{name}.csv"\r\n\r\n'
            f"{content}\r\n--line--\r\n"
        )
    else:
        body = json.dumps(content)
    request = urllib.request.Request(platform.url + path, data=body.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=90) as response:
        assert re.match("20[01]", str(response.status)), response.read()
