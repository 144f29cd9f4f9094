"""Predictions while releases change and services are down, by HTTP against real processes."""

import threading
import time
from typing import NamedTuple

import requests

from tests.servers.platform import ROWS, at_once, statuses
from tests.servers.processes import until


class Response(NamedTuple):
    at: float
    status: int
    version: int | None
    body: dict


class Callers:
    """Threads that predict without a pause and keep every response."""

    def __init__(self, platform, dataset: str, count: int = 4):
        self.platform, self.dataset = platform, dataset
        self.responses: list[Response] = []
        self.broken: list[float] = []  # when a connection broke
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.call) for _ in range(count)]

    def call(self):
        body = {
            "dataset_name": self.dataset, "environment": "production", "input_data": {"features": ROWS},
            "probabilities": True,
        }  # fmt: skip
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {self.platform.token}"
            while not self.stopping.is_set():
                try:
                    response = session.post(f"{self.platform.url}/predict", json=body, timeout=60)
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                    self.broken.append(time.monotonic())
                    time.sleep(0.05)
                    continue
                result = response.json()
                version = result.get("version")
                self.responses.append(Response(time.monotonic(), response.status_code, version, result))

    def wait_for(self, count: int) -> None:
        """Wait for this many more responses."""
        before = len(self.responses)
        until(lambda: len(self.responses) >= before + count, what=f"{count} responses", pause=0.02)

    def versions(self, count: int) -> set[int | None]:
        """The versions in this many of the last responses."""
        return {response.version for response in self.responses[-count:]}

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def load_count(platform) -> float:
    """The number of models that all web processes have loaded."""
    lines = platform.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith('mlmp_model_loads_total{result="ok"}')] or [" 0"]
    return float(line.split()[-1])


def load_in_both_processes(platform, dataset: str, stage: str, *, missing: int = 2) -> None:
    """Predict until as many web processes as were missing the model have loaded it."""
    before = load_count(platform)

    def is_loaded() -> bool:
        assert set(statuses(at_once(*[lambda: platform.predict(dataset, stage)] * 12))) == {200}
        return load_count(platform) == before + missing

    until(is_loaded, what="A model in both processes")


def is_live_everywhere(platform, dataset: str, stage: str, version: int) -> bool:
    """Whether a version answers each of several requests, which both processes share."""
    return {platform.predict(dataset, stage).json()["version"] for _ in range(8)} == {version}


def test_no_response_fails_or_is_mixed_while_ten_releases_change(platform):
    platform.train_versions("swaps", versions=2)
    expected = {}
    for number in (1, 2):
        assert platform.promote("swaps", number, "production").status_code == 200
        until(lambda n=number: is_live_everywhere(platform, "swaps", "production", n), what="A promotion")
        expected[number] = platform.predict("swaps", "production", probabilities=True).json()
    with Callers(platform, "swaps") as callers:
        for turn in range(10):
            callers.wait_for(40)
            number = turn % 2 + 1
            body = {"dataset_name": "swaps", "environment": "production", "to_version": number}
            assert platform.post("/rollback", body).status_code == 200
            changed_at = time.monotonic()
        until(lambda: callers.versions(80) == {number}, what="The last release in both processes")
        live = len(callers.responses)
        callers.wait_for(80)
    assert not callers.broken
    assert {response.status for response in callers.responses} == {200}
    assert all(response.body == expected[response.version] for response in callers.responses)
    last = max(
        (response.at for response in callers.responses if response.version != number), default=changed_at
    )
    print(
        f"{len(callers.responses)} responses, the last of the old version {last - changed_at:.3f} s after the release"
    )
    assert {response.version for response in callers.responses[live:]} == {number}


def test_models_in_memory_answer_while_the_object_store_is_down(platform):
    platform.train_versions("away")
    platform.promote("away", 1, "production")
    load_in_both_processes(platform, "away", "production", missing=1)  # the one that promoted it has it
    with platform.store_unavailable():
        with Callers(platform, "away") as callers:
            callers.wait_for(200)
        assert not callers.broken
        ready = platform.get("/readyz", token=None)
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert platform.predict("away", "production", version=1).status_code in {200, 503}
    assert {response.status for response in callers.responses} == {200}


def test_every_web_process_loads_a_new_release_before_a_request_needs_it(platform):
    platform.train_versions("ahead")
    load_in_both_processes(platform, "ahead", "dev")
    before = load_count(platform)
    assert platform.train("ahead").status_code == 201  # by a training worker, which announces the release
    until(lambda: load_count(platform) == before + 2, what="A load in both processes", pause=0.05)
    until(lambda: is_live_everywhere(platform, "ahead", "dev", 2), what="The new release")
    assert load_count(platform) == before + 2


def test_every_web_process_loads_a_release_that_was_not_announced_on_its_machine(platform):
    platform.train_versions("afar", versions=2)
    load_in_both_processes(platform, "afar", "dev")
    before = load_count(platform)
    of = "model_version_id = (SELECT m.id FROM registry_modelversion m JOIN catalog_dataset d ON d.id = m.dataset_id "
    of += "WHERE d.name = 'afar' AND m.number = {})"
    platform.sql(
        f"UPDATE registry_release SET ended_at = started_at WHERE {of.format(2)}",
        f"UPDATE registry_release SET ended_at = NULL WHERE {of.format(1)}",
    )
    until(lambda: load_count(platform) == before + 2, what="A load in both processes", pause=0.05)
    until(lambda: is_live_everywhere(platform, "afar", "dev", 1), what="The other release")
    assert load_count(platform) == before + 2
