"""The database and the object store killed and stopped under load, by HTTP against what `make run` starts."""

import contextlib
import itertools
import threading
import time
from dataclasses import dataclass

import pytest
import requests

from tests.servers.object_store import ObjectStore
from tests.servers.platform import ROWS, Supervised, at_once
from tests.servers.postgres import Postgres
from tests.servers.processes import until

NAMES = ["length", "width", "colour"]
LONGEST_S = 2.5  # of an answer by a resident model
COLD_S = 6  # until what is not resident is given up
READY_S = 2


@dataclass(frozen=True)
class Answer:
    began: float
    took: float
    status: int  # 0: none came
    told: dict
    right: bool


class Load:
    """Threads that predict without a pause over every protocol, and remember every answer."""

    def __init__(self, platform: Supervised, dataset: str):
        self.platform, self.dataset = platform, dataset
        self.answers: list[Answer] = []
        self.stopping = threading.Event()
        table = {"dataframe_split": {"columns": NAMES, "data": ROWS}}
        tensor = [
            {"name": name, "shape": [len(ROWS)], "datatype": kind, "data": [row[place] for row in ROWS]}
            for place, (name, kind) in enumerate(zip(NAMES, ("FP64", "FP64", "BYTES"), strict=True))
        ]
        native = {"dataset_name": dataset, "environment": "production", "input_data": {"features": ROWS}}
        self.calls = [
            ("/predict", native, {}, lambda told: told["predictions"]),
            (f"/v2/models/{dataset}/infer", {"inputs": tensor}, {}, lambda told: told["outputs"][0]["data"]),
            ("/invocations", table, {"X-Model": f"{dataset}@production"}, lambda told: told["predictions"]),
        ]
        self.wanted = platform.predict(dataset, "production").json()["predictions"]
        self.threads = [threading.Thread(target=self.ask, args=[call]) for call in self.calls * 2]

    def ask(self, call) -> None:
        path, body, headers, predictions = call
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(headers, Authorization=f"Bearer {self.platform.token}")
            while not self.stopping.is_set():
                began = time.monotonic()
                status, told, right = 0, {}, False
                with contextlib.suppress(requests.RequestException):
                    answer = session.post(self.platform.url + path, json=body, timeout=60)
                    status, told = answer.status_code, answer.json()
                    right = status == 200 and predictions(told) == self.wanted
                took = time.monotonic() - began
                self.answers.append(Answer(began, took, status, told, right))
                time.sleep(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def report(self, what: str) -> None:
        failed = [answer for answer in self.answers if answer.status != 200]
        wrong = [answer for answer in self.answers if answer.status == 200 and not answer.right]
        took = sorted(answer.took for answer in self.answers)
        print(
            f"{what}: {len(took)} answers, {len(failed)} failed, {len(wrong)} wrong, p50 {took[len(took) // 2]:.4f} s, "
            f"p99 {took[len(took) * 99 // 100]:.3f} s, longest {took[-1]:.3f} s"
        )
        assert len(took) > 500
        assert not failed, failed[:3]
        assert not wrong, wrong[:3]
        assert took[-1] < LONGEST_S


@pytest.fixture(scope="module")
def database(processes):
    return Postgres(processes)


@pytest.fixture(scope="module")
def supervised(processes, database):
    return Supervised(processes, postgres=database, store=ObjectStore(processes))


@contextlib.contextmanager
def killed(server, kill):
    kill()
    try:
        yield
    finally:
        server.start()


FAULTS = {
    "the database is killed": (lambda database, store: killed(database, database.kill), "database", 4),
    # Longer than a token is remembered.
    "the database hangs": (lambda database, store: database.hangs(), "database", 34),
    "the store is killed": (lambda database, store: killed(store, store.stop), "datasets", 4),
    "the store hangs": (lambda database, store: store.hangs(), "datasets", 12),
}


def made(platform, dataset: str) -> None:
    """Two versions of a dataset, the first in production and in the memory of both web processes."""
    platform.made(dataset, versions=2)
    assert platform.promote(dataset, 1, "production").status_code == 200
    for _ in range(4):
        at_once(*[lambda: platform.predict(dataset, "production")] * 12)


def is_enabled(call) -> float:
    """503 with Retry-After; how long that took."""
    began = time.monotonic()
    answer = call()
    took = time.monotonic() - began
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert took < COLD_S, took
    return took


@pytest.mark.parametrize("fault", FAULTS)
def test_resident_models_answer_every_call_through_an_outage(supervised, database, fault):
    platform = supervised
    begin, checked, seconds = FAULTS[fault]
    dataset = fault.replace(" ", "_")
    made(platform, dataset)
    stranger = platform.manage("api_token", "admin").strip()
    gave_up, ready = [], []
    with Load(platform, dataset) as load:
        time.sleep(1)
        with begin(database, platform.store):
            until_ = time.monotonic() + seconds
            for turn in itertools.count():
                # Not resident: nobody has asked for what is live in dev.
                gave_up.append(is_enabled(lambda: platform.predict(dataset, "dev")))
                if checked == "database":
                    gave_up.append(is_enabled(lambda: platform.get("/v2", token=stranger)))
                    gave_up.append(is_enabled(lambda: platform.get("/datasets")))
                began = time.monotonic()
                answer = platform.get("/readyz", token=None)
                ready.append(time.monotonic() - began)
                assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
                assert answer.json()["checks"][checked] == "no answer"
                assert platform.get("/livez", token=None).elapsed.total_seconds() < 1
                if turn and time.monotonic() > until_:
                    break
        recovered = time.monotonic()
        until(lambda: platform.get("/readyz", token=None).json()["status"] == "ok", what="Readiness")
        # Each web process finds out by itself, within a second or so.
        until(
            lambda: platform.promote(dataset, 2, "production").status_code == 200, what="Promoting", within=5
        )
        print(f"{fault}: ready again {time.monotonic() - recovered:.1f} s after it was over")
        promoted = time.monotonic()
        time.sleep(2)
    print(f"{fault}: gave up after {max(gave_up):.2f} s at most, /readyz took {max(ready):.2f} s at most")
    assert max(ready) < READY_S
    load.report(fault)
    late = [answer for answer in load.answers if answer.began > promoted + 1 and "version" in answer.told]
    assert {answer.told["version"] for answer in late} == {2}
