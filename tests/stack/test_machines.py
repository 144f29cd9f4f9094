"""Several machines of one platform behind the shipped proxy: whichever answers, and whatever becomes of one."""

import contextlib
import socket
from types import SimpleNamespace

import pytest
import requests

from tests.servers.machines.machine import Alternating, Machine, Pages
from tests.servers.migrated import ROOT
from tests.servers.platform import PASSWORD, SHORT, TABLE, TREE
from tests.servers.processes import until
from tests.servers.proxy import Proxy
from tests.stack.conftest import on_postgres_and_s3, on_sqlite_and_files
from tests.stack.test_serving import Callers

SLOW_CLIENTS = 200
MANIFEST = ROOT / "staticfiles/staticfiles.json"


@pytest.fixture(scope="module")
def machine(postgres_and_s3):
    """A second machine with a web server, a worker and a scorer."""
    collect_static_files(postgres_and_s3)
    second = Machine(postgres_and_s3)
    second.start_web()
    for name in ("worker", "scorer"):
        second.start_command(name)
    until(lambda: second.status("/readyz") == 200, what="The second machine")
    yield second
    second.stop()


@contextlib.contextmanager
def load_through_proxy(platform, machine, dataset: str):
    """Callers of a model in production behind the proxy of both machines."""
    proxy = Proxy(platform.processes, platform.port, machine.port)
    with Callers(SimpleNamespace(url=proxy.url, token=platform.token), dataset) as callers:
        callers.wait_for(100)
        yield callers
    platform.processes.stop(proxy.process)


def wrong_responses(callers, expected: dict) -> list:
    return [body for _, status, _, body in callers.responses if (status, body) != (200, expected)]


def collect_static_files(platform) -> None:
    """Those of the pages, as `make run` does before it starts a web server, which reads their names once."""

    def names() -> str:
        return MANIFEST.read_text() if MANIFEST.exists() else ""

    before = names()
    platform.manage("collectstatic", "--no-input")
    if names() != before:
        platform.restart_web()


@pytest.fixture
def walker(postgres_and_s3, machine):
    return Alternating(postgres_and_s3, postgres_and_s3.url, machine.url)


def test_no_prediction_fails_while_one_of_two_servers_restarts_hangs_and_is_killed(platform):
    platform.train_versions("rolling")
    platform.promote("rolling", 1, "production")
    expected = platform.predict("rolling", "production", probabilities=True).json()
    second = Machine(platform, DATA_DIR=str(platform.data))
    second.start_web()
    until(lambda: second.status("/readyz") == 200, what="A second web server")
    family = second.family()
    with load_through_proxy(platform, second, "rolling") as callers:
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
        second.kill()
        callers.wait_for(100)
    until(lambda: len(platform.web_processes()) == 2, what="A new web process")
    # A response of which a part had been sent when its process was killed cannot be taken back.
    assert len(callers.broken) <= len(callers.threads)
    assert wrong_responses(callers, expected) == []


@on_postgres_and_s3
def test_a_file_is_uploaded_checked_and_added_on_pages_of_two_machines(platform, walker):
    pages = Pages(walker, "admin", PASSWORD)
    uploaded = pages.post("/catalog/upload/", {}, files={"file": ("receipt.csv", TABLE)})
    receipt = uploaded.headers["Location"]
    assert "22 rows and 4 columns." in pages.get(receipt).text
    added = pages.post(receipt, {"name": "receipt", "add": "1"})
    assert added.headers["Location"] == "/catalog/receipt/"
    assert "Version 1 of receipt was added." in pages.get("/catalog/receipt/").text
    assert walker.get("/datasets/receipt").json()["rows"] == 22


@on_postgres_and_s3
def test_each_call_of_a_life_is_answered_by_the_other_machine_than_the_one_before(platform, walker):
    platform.run_workers(1)
    assert walker.upload("walk").status_code == 201
    for number in (1, 2):
        assert walker.train("walk", random_state=number).json()["version"] == number
    group = walker.post(
        "/train",
        {"dataset_name": "walk", "models": [TREE, {"module": "naive_bayes", "class": "GaussianNB"}]},
        headers={"Prefer": "wait=60"},
    )
    assert (group.status_code, group.json()["version"]) == (201, 3)
    body = {"name": "walk_totals", "sql": "SELECT colour, avg(length) AS length FROM walk GROUP BY colour"}
    derived = walker.post("/datasets/derive", body, headers={"Prefer": "wait=60"})
    assert (derived.status_code, derived.json()["rows"]) == (201, 3)

    once = {"Idempotency-Key": "walk"}
    body = {"dataset_name": "walk", "version": 1, "target_stage": "production"}
    first, again = (walker.post("/promote", body, headers=once) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json())
    answers(walker, 1)
    assert walker.promote("walk", 2, "production").status_code == 200
    answers(walker, 2)

    file, fields = {"file": ("a.csv", TABLE)}, {"dataset_name": "walk", "environment": "production"}
    queued = walker.post("/predict/file", files=file, data=fields, headers={"Prefer": "respond-async"})
    job = queued.headers["Location"]
    until(lambda: walker.get(job).json()["state"] == "succeeded", what="The scoring job")
    result = walker.get(f"{job}/result")
    assert (result.status_code, len(result.text.splitlines())) == (200, 23)

    stage = {"dataset_name": "walk", "environment": "production"}
    assert walker.post("/rollback", stage).json()["version"] == 1
    answers(walker, 1)
    assert walker.post("/retire", stage).status_code == 200
    until(
        lambda: [walker.predict("walk", "production").status_code for _ in range(2)] == [404, 404],
        what="The end",
    )
    for number in (1, 2, 3):
        assert walker.call("DELETE", f"/models/walk/{number}").status_code == 204
    for name in ("walk_totals", "walk"):
        assert walker.call("DELETE", f"/datasets/{name}").status_code == 204


def answers(walker, version: int) -> None:
    """Wait until both machines answer with a version: without a signal between them, within a second or so."""

    def versions() -> set[int]:
        return {walker.predict("walk", "production").json()["version"] for _ in range(4)}

    until(lambda: versions() == {version}, what=f"Version {version} on both machines")


@on_postgres_and_s3
def test_no_prediction_fails_while_both_machines_get_a_version_with_a_migration(platform, machine):
    """A machine of the new version is not ready before the migration, and the other one serves on the new table."""
    platform.train_versions("upgraded")
    platform.promote("upgraded", 1, "production")
    expected = platform.predict("upgraded", "production", probabilities=True).json()
    later = {"DJANGO_SETTINGS_MODULE": "tests.servers.machines.next_version.settings"}
    with load_through_proxy(platform, machine, "upgraded") as callers:
        machine.stop()
        callers.wait_for(50)
        machine.start_web(**later)
        assert machine.status("/readyz") == 503
        platform.manage("bootstrap", **later)
        until(lambda: machine.status("/readyz") == 200, what="The new version")
        callers.wait_for(50)
        platform.restart_web()
        callers.wait_for(50)
    assert not callers.broken
    assert wrong_responses(callers, expected) == []
    platform.manage("migrate", "next_version", "zero", **later)


@on_postgres_and_s3
def test_the_jobs_and_connections_of_a_machine_that_is_killed_under_load_recover(platform, machine):
    platform.train_versions("switched_off")
    platform.promote("switched_off", 1, "production")
    expected = platform.predict("switched_off", "production", probabilities=True).json()
    machine.start_command("worker")
    platform.run_workers(0)
    with load_through_proxy(platform, machine, "switched_off") as callers:
        job = platform.train("switched_off", SHORT, prefer="respond-async").json()["job"]
        platform.wait_for_stage(job, "fitting")
        before = connections(platform)
        killed = machine.kill()
        callers.wait_for(200)
        platform.run_workers(1)
        ended = platform.finished(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    assert not any(process.is_running() for process in killed)
    until(lambda: connections(platform) < before, what="The end of its connections")
    assert len(callers.broken) <= len(callers.threads)
    assert wrong_responses(callers, expected) == []


def connections(platform) -> int:
    return platform.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")[0][0]


@on_sqlite_and_files
def test_slow_clients_behind_the_proxy_stop_nobody_else_with_gunicorn(platform):
    """As many as hold every thread of gunicorn if they reach it, in the head and in the body."""
    collect_static_files(platform)
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
