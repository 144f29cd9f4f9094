"""Predictions while releases change and services are away, by HTTP against real processes."""

import threading
import time

import requests

from tests.servers.platform import ROWS, at_once, statuses
from tests.servers.processes import until


class Callers:
    """Some threads that predict without a pause and remember every answer."""

    def __init__(self, platform, dataset: str, count: int = 4):
        self.platform, self.dataset = platform, dataset
        self.answers, self.broken, self.stopping = [], [], threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(count)]

    def ask(self):
        body = {
            "dataset_name": self.dataset, "environment": "production", "input_data": {"features": ROWS},
            "probabilities": True,
        }  # fmt: skip
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = f"Bearer {self.platform.token}"
            while not self.stopping.is_set():
                try:
                    answer = session.post(f"{self.platform.url}/predict", json=body, timeout=60)
                except requests.ConnectionError:
                    self.broken.append(time.monotonic())
                    time.sleep(0.05)
                    continue
                told = answer.json()
                self.answers.append((time.monotonic(), answer.status_code, told.get("version"), told))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def loads(platform) -> float:
    """How often the web processes have loaded a model, all together."""
    lines = platform.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith('mlmp_model_loads_total{result="ok"}')] or [" 0"]
    return float(line.split()[-1])


def held_by_both(platform, dataset: str, stage: str, *, missing: int = 2) -> None:
    """Ask so often that both web processes have loaded it, of which so many have not yet."""
    before = loads(platform)

    def asked() -> bool:
        assert set(statuses(at_once(*[lambda: platform.predict(dataset, stage)] * 12))) == {200}
        return loads(platform) == before + missing

    until(asked, what="a model in both")


def test_no_answer_fails_or_is_mixed_while_ten_releases_change(platform):
    platform.made("swaps", versions=2)
    wanted = {}
    for number in (1, 2):
        assert platform.promote("swaps", number, "production").status_code == 200
        wanted[number] = platform.predict("swaps", "production", probabilities=True).json()
    changed = []
    with Callers(platform, "swaps") as callers:
        for turn in range(10):
            time.sleep(0.3)
            body = {"dataset_name": "swaps", "environment": "production", "to_version": turn % 2 + 1}
            assert platform.post("/rollback", body).status_code == 200
            changed.append((time.monotonic(), turn % 2 + 1))
        time.sleep(1.5)
    assert len(callers.answers) > 100
    assert not callers.broken
    assert {status for _, status, _, _ in callers.answers} == {200}
    assert all(told == wanted[version] for _, _, version, told in callers.answers)
    last, number = changed[-1]
    assert {version for at, _, version, _ in callers.answers if at > last + 1} == {number}


def test_resident_models_answer_while_the_object_store_is_away(platform):
    platform.made("away")
    platform.promote("away", 1, "production")
    held_by_both(platform, "away", "production", missing=1)  # whoever promoted it has it
    with platform.store_fails():
        with Callers(platform, "away") as callers:
            time.sleep(2)
        assert not callers.broken
        ready = platform.get("/readyz", token=None)
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        unknown = platform.predict("away", "production", version=1)
        assert unknown.status_code in {200, 503}
    assert {status for _, status, _, _ in callers.answers} == {200}


def test_every_web_process_loads_what_was_released_before_anybody_asks(platform):
    platform.made("ahead")
    held_by_both(platform, "ahead", "dev")
    before = loads(platform)
    assert platform.train("ahead").status_code == 201  # by a training worker, which announces it
    until(lambda: loads(platform) == before + 2, what="a load in both", within=5, pause=0.05)
    assert {platform.predict("ahead", "dev").json()["version"] for _ in range(8)} == {2}
    assert loads(platform) == before + 2


def test_and_so_does_one_that_was_told_nothing_as_on_another_machine(platform):
    platform.made("afar", versions=2)
    held_by_both(platform, "afar", "dev")
    before = loads(platform)
    of = "model_version_id = (SELECT m.id FROM registry_modelversion m JOIN catalog_dataset d ON d.id = m.dataset_id "
    of += "WHERE d.name = 'afar' AND m.number = {})"
    platform.sql(
        f"UPDATE registry_release SET ended_at = started_at WHERE {of.format(2)}",
        f"UPDATE registry_release SET ended_at = NULL WHERE {of.format(1)}",
    )
    until(lambda: loads(platform) == before + 2, what="a load in both", within=5, pause=0.05)
    assert {platform.predict("afar", "dev").json()["version"] for _ in range(8)} == {1}
