"""A running platform, with web server and worker in separate processes, and a browser."""

import pytest

from tests import chromium
from tests.conftest import FLOWERS
from tests.servers.platform import PASSWORD, TREE, Platform
from tests.servers.processes import Processes

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WAIT_MS = 60_000  # on a busy machine


@pytest.fixture(scope="session")
def platform():
    processes = Processes()
    # With DEBUG, static files are served without being collected first.
    platform = Platform(processes, WEB_WORKERS="1", DEBUG="true")
    platform.run_workers(1)
    yield platform
    processes.stop_all()


@pytest.fixture(scope="package")
def chrome():
    """One browser for this folder: Django refuses database access while Playwright's event loop is running."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def session(chrome, platform):
    """The cookies of an administrator, who signs in once: hashing a password is slow."""
    context = chrome.new_context(base_url=platform.url)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visit(chrome, platform, session):
    """`visit()` returns the home page of an administrator; keywords are options of the browser context.

    A violation of the Content-Security-Policy on any page fails the test.
    """
    contexts, violations = [], []

    def record(message):
        if "Content Security Policy" in message.text:
            violations.append(f"{message.page.url}: {message.text}")

    def open_page(**options):
        context = chrome.new_context(base_url=platform.url, storage_state=session, **options)
        contexts.append(context)
        context.on("console", record)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto("/")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert violations == []


@pytest.fixture(scope="session")
def filled(platform):
    """The platform with datasets, models (one of them in production) and a training that was refused."""
    houses = "rooms,price\n" + "".join(f"{1 + i % 5},{100.5 + i * 3.25}\n" for i in range(30))
    rare = "a,b\n" + "".join(f"{i},x{i}\n" for i in range(20))
    for name, content in (("garden", FLOWERS), ("houses", houses), ("rare", rare)):
        assert platform.upload(name, content).status_code == 201
    line = {"module": "linear_model", "class": "LinearRegression"}
    for dataset, target, model in (
        ("garden", "species", TREE | {"params": {"max_depth": 1}}),
        ("garden", "species", TREE | {"params": {"max_depth": 3}}),
        ("houses", "price", line),
    ):
        assert platform.train(dataset, model, target_column=target).status_code == 201
    assert platform.promote("garden", 1, "production").status_code == 200
    assert platform.train("rare", target_column="b").status_code >= 400
    return platform
