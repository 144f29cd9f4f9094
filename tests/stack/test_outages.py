"""The database and the object store killed and suspended under load, by HTTP against what `make run` starts."""

import contextlib
import threading
import time
from dataclasses import dataclass

import pytest
import requests

from tests.servers.platform import PASSWORD, ROWS, Supervised, at_once
from tests.servers.processes import until

NAMES = ["length", "width", "colour"]
PAUSE_S = 0.06  # of each caller: the machine has other tests to run
ROUNDS = 3  # of checks during an outage


@dataclass(frozen=True)
class Response:
    start: float
    duration: float
    status: int  # 0: no response
    body: dict
    is_correct: bool


class Load:
    """Threads that predict by every protocol, and keep every response."""

    def __init__(self, platform: Supervised, dataset: str):
        self.platform, self.dataset = platform, dataset
        self.responses: list[Response] = []
        self.stopping = threading.Event()
        table = {"dataframe_split": {"columns": NAMES, "data": ROWS}}
        tensors = [
            {"name": name, "shape": [len(ROWS)], "datatype": kind, "data": [row[place] for row in ROWS]}
            for place, (name, kind) in enumerate(zip(NAMES, ("FP64", "FP64", "BYTES"), strict=True))
        ]
        native = {"dataset_name": dataset, "environment": "production", "input_data": {"features": ROWS}}
        self.calls = [
            ("/predict", native, {}, lambda body: body["predictions"]),
            (f"/v2/models/{dataset}/infer", {"inputs": tensors}, {}, lambda body: body["outputs"][0]["data"]),
            ("/invocations", table, {"X-Model": f"{dataset}@production"}, lambda body: body["predictions"]),
        ]
        self.expected = platform.predict(dataset, "production").json()["predictions"]
        self.threads = [threading.Thread(target=self.call, args=[call]) for call in self.calls * 2]

    def call(self, call) -> None:
        path, request, headers, predictions_of = call
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(headers, Authorization=f"Bearer {self.platform.token}")
            while not self.stopping.is_set():
                start = time.monotonic()
                status, body, is_correct = 0, {}, False
                with contextlib.suppress(requests.RequestException):
                    response = session.post(self.platform.url + path, json=request, timeout=60)
                    status, body = response.status_code, response.json()
                    is_correct = status == 200 and predictions_of(body) == self.expected
                self.responses.append(Response(start, time.monotonic() - start, status, body, is_correct))
                time.sleep(PAUSE_S)

    def wait_for(self, count: int) -> None:
        """Wait for this many more responses."""
        before = len(self.responses)
        until(lambda: len(self.responses) >= before + count, what=f"{count} responses", pause=0.02)

    def versions(self, count: int) -> set[int]:
        """The versions in this many of the last responses; only some protocols name it."""
        return {
            response.body["version"] for response in self.responses[-count:] if "version" in response.body
        }

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def check(self, fault: str) -> None:
        """Print a summary, and fail unless every response is correct."""
        failed = [response for response in self.responses if response.status != 200]
        wrong = [
            response for response in self.responses if response.status == 200 and not response.is_correct
        ]
        durations = sorted(response.duration for response in self.responses)
        count = len(durations)
        print(
            f"{fault}: {count} responses, {len(failed)} failed, {len(wrong)} wrong, p50 {durations[count // 2]:.4f} s, "
            f"p99 {durations[count * 99 // 100]:.3f} s, longest {durations[-1]:.3f} s"
        )
        assert not failed, failed[:3]
        assert not wrong, wrong[:3]


@contextlib.contextmanager
def killed(server, kill):
    kill()
    try:
        yield
    finally:
        server.start()


# How a fault begins and ends, and the check of /readyz that fails.
FAULTS = {
    "the database is killed": (lambda database, store: killed(database, database.kill), "database"),
    "the database hangs": (lambda database, store: database.hangs(), "database"),
    "the store is killed": (lambda database, store: killed(store, store.stop), "datasets"),
    "the store hangs": (lambda database, store: store.hangs(), "datasets"),
}


def create_dataset(platform, name: str) -> None:
    """A dataset with two versions, the first in production and in the memory of both web processes."""
    platform.train_versions(name, versions=2)
    assert platform.promote(name, 1, "production").status_code == 200
    for _ in range(4):
        at_once(*[lambda: platform.predict(name, "production")] * 12)


def seconds_until_503(call) -> float:
    start = time.monotonic()
    response = call()
    duration = time.monotonic() - start
    assert response.status_code == 503, response.text
    assert int(response.headers["Retry-After"]) > 0
    return duration


def seconds_until_degraded(platform, failing_check: str) -> float:
    start = time.monotonic()
    response = platform.get("/readyz", token=None)
    duration = time.monotonic() - start
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"][failing_check] == "no answer"
    return duration


@pytest.mark.parametrize("fault", FAULTS)
def test_models_in_memory_answer_every_request_during_an_outage(supervised_with_servers, postgres, fault):
    platform = supervised_with_servers
    begin, failing_check = FAULTS[fault]
    dataset = fault.replace(" ", "_")
    create_dataset(platform, dataset)
    credentials = {"username": "admin", "password": PASSWORD}
    new_token = platform.post("/auth/token", credentials, token=None).json()["token"]
    unavailable, ready = [], []
    with Load(platform, dataset) as load:
        load.wait_for(200)
        with begin(postgres, platform.store):
            for _ in range(ROUNDS):
                # Not in memory: no request has used the release in dev.
                unavailable.append(seconds_until_503(lambda: platform.predict(dataset, "dev")))
                if failing_check == "database":
                    unavailable.append(seconds_until_503(lambda: platform.get("/v2", token=new_token)))
                    unavailable.append(seconds_until_503(lambda: platform.get("/datasets")))
                ready.append(seconds_until_degraded(platform, failing_check))
                assert platform.get("/livez", token=None).status_code == 200
                # As after 30 seconds: every token has to be verified again.
                (platform.data / ".changed_tokens").touch()
                load.wait_for(60)
        ended = time.monotonic()
        until(lambda: platform.get("/readyz", token=None).json()["status"] == "ok", what="Readiness")
        # Each web process notices the end of the outage itself, within about a second.
        until(lambda: platform.promote(dataset, 2, "production").status_code == 200, what="Promoting")
        print(f"{fault}: ready {time.monotonic() - ended:.1f} s after its end")
        # The last responses of every caller, by both web processes.
        until(lambda: load.versions(60) == {2}, what="The promoted version")
        promoted = len(load.responses)
        load.wait_for(50)
    print(f"{fault}: 503 after {max(unavailable):.2f} s at most, /readyz after {max(ready):.2f} s at most")
    load.check(fault)
    late = load.responses[promoted:]
    assert {response.body["version"] for response in late if "version" in response.body} == {2}
