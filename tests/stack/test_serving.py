"""Predictions while releases change and services are away, by HTTP against real processes."""

import threading
import time

import requests

from tests.stack.platforms import ROWS, at_once, statuses


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
    for _ in range(4):  # so many at once that both web processes hold it
        assert set(statuses(at_once(*[lambda: platform.predict("away", "production")] * 12))) == {200}
    with platform.store_fails():
        with Callers(platform, "away") as callers:
            time.sleep(2)
        assert not callers.broken
        ready = platform.get("/readyz", token=None)
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        unknown = platform.predict("away", "production", version=1)
        assert unknown.status_code in {200, 503}
    assert {status for _, status, _, _ in callers.answers} == {200}
