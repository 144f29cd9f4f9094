"""No fault leaves a job without a true final state, and none makes two models of one job."""

import hashlib
import re
import time

import pytest

from tests.stack.conftest import SETUPS
from tests.stack.platforms import SLOW, TABLE, Platform
from tests.stack.servers import until

INSTANTS = 10  # in each set-up, for the training's process and for the worker
LEASE_S = 3
MEMORY_MB = 600
# About two seconds from the first import to the last byte.
SHORT = {"module": "ensemble", "class": "ExtraTreesClassifier", "params": {"n_estimators": 400}}
# Boosting, which fits its first tree at once: a forest first makes its 50,000 trees, for 20 seconds on a busy machine.
ENDLESS = {
    "module": "ensemble",
    "class": "GradientBoostingClassifier",
    "params": {"n_estimators": 100_000, "learning_rate": 0.0001},
}
# Affinities of every row with every other, several times: more than MEMORY_MB for 6,000 rows.
GREEDY = {"module": "cluster", "class": "AffinityPropagation", "params": {"damping": 0.9}}
MANY_ROWS = "a,b\n" + "".join(f"{n % 977 / 7:.3f},{n % 1013 / 3:.3f}\n" for n in range(6_000))
FINAL = {"succeeded", "failed", "cancelled", "timed_out", "out_of_memory", "lost"}


@pytest.fixture(scope="module", params=SETUPS)
def platform(request, processes):
    """A platform of this module's own, with a short lease and little memory for a training."""
    limits = {"TRAIN_LEASE_S": str(LEASE_S), "TRAIN_MEMORY_MB": str(MEMORY_MB), "TRAIN_MAX_ATTEMPTS": "3"}
    if request.param == "sqlite_and_files":
        made = Platform(processes, **limits)
    else:
        postgres, store = (request.getfixturevalue(name) for name in ("postgres", "object_store"))
        made = Platform(processes, postgres=postgres, store=store, **limits)
    yield made
    made.have_workers(0)
    processes.stop(made.web)


def begun(platform, dataset: str, model: dict = SLOW, **fields) -> int:
    """A training in the stage of fitting; its job."""
    if platform.get(f"/datasets/{dataset}").status_code == 404:
        platform.upload(dataset, TABLE)
    platform.have_workers(1)
    job = platform.train(dataset, model, prefer="respond-async", **fields).json()["job"]
    platform.reaches(job, "fitting")
    return job


def check_models(platform, dataset: str, jobs: list[int]) -> None:
    """At most one version a job, numbered without a gap, each with an artifact that is what was saved."""
    versions = platform.get(f"/models?dataset={dataset}&page_size=100").json()["results"]
    made_by = [version["job"] for version in versions]
    assert len(set(made_by)) == len(made_by)
    assert sorted(version["version"] for version in versions) == list(range(1, len(versions) + 1))
    succeeded = [job for job in jobs if platform.get(f"/jobs/{job}").json()["state"] == "succeeded"]
    assert sorted(made_by) == sorted(succeeded)
    for version in versions:
        content = platform.get(f"/models/{dataset}/{version['version']}/artifact").content
        assert hashlib.sha256(content).hexdigest() == version["artifact_sha256"]
    assert len(platform.live(dataset, "dev")) == min(len(versions), 1)


def test_a_training_process_may_be_killed_at_any_instant(platform):
    platform.upload("children", TABLE)
    platform.have_workers(1)
    jobs = []
    for instant in range(INSTANTS):
        jobs.append(platform.train("children", SHORT, prefer="respond-async").json()["job"])
        time.sleep(instant * 0.25)
        for child in platform.trainings():
            child.kill()
    for job in jobs:
        ended = platform.ended(job)
        assert ended["state"] in {"succeeded", "failed"}
        assert ended["state"] == "succeeded" or "SIGKILL" in ended["error"]["detail"]
    check_models(platform, "children", jobs)


def test_a_worker_may_be_killed_at_any_instant(platform):
    platform.upload("workers", TABLE)
    jobs = []
    for instant in range(INSTANTS):
        (worker,) = platform.have_workers(1)
        jobs.append(platform.train("workers", SHORT, prefer="respond-async").json()["job"])
        time.sleep(1 + instant * 0.4)
        platform.processes.stop(worker, 9)
    platform.have_workers(2)
    for job in jobs:
        ended = platform.ended(job, within=180)
        assert ended["state"] in {"succeeded", "lost"}, ended["error"]
    check_models(platform, "workers", jobs)


def test_a_training_that_takes_too_much_memory_ends_alone(platform):
    platform.upload("greedy", MANY_ROWS)
    (worker,) = platform.have_workers(1)
    job = platform.train("greedy", GREEDY, target_column=None, prefer="respond-async").json()["job"]
    ended = platform.ended(job)
    assert (ended["state"], ended["error"]["code"]) == ("out_of_memory", "out_of_memory")
    assert f"the limit is {MEMORY_MB} MB" in ended["error"]["detail"]
    assert ended["memory_peak_bytes"] > MEMORY_MB * 1024**2
    assert worker.poll() is None
    assert platform.train("greedy", {"module": "cluster", "class": "KMeans"}).status_code == 201


def test_a_training_that_takes_too_long_is_stopped(platform):
    job = begun(platform, "slow", ENDLESS, timeout_s=8)
    children = platform.trainings()
    ended = platform.ended(job, within=20)
    assert (ended["state"], ended["error"]["detail"]) == (
        "timed_out",
        "The training exceeded its 8-second limit.",
    )
    until(lambda: not any(child.is_running() for child in children), what="The end of the process", within=5)


def test_a_running_training_is_gone_within_five_seconds_of_its_cancelling(platform):
    job = begun(platform, "cancelled", ENDLESS)
    children = platform.trainings()
    assert platform.post(f"/jobs/{job}/cancel").status_code == 200
    ended = platform.ended(job, within=5)
    assert (ended["state"], ended["error"]["detail"]) == ("cancelled", "Cancelled by admin.")
    assert not any(child.is_running() for child in children)
    assert platform.numbers("cancelled") == []
    assert platform.post(f"/jobs/{job}/cancel").status_code == 409


def test_a_queued_training_that_is_cancelled_never_starts(platform):
    platform.have_workers(0)
    platform.upload("waiting", TABLE)
    job = platform.train("waiting", prefer="respond-async").json()["job"]
    assert platform.post(f"/jobs/{job}/cancel").json()["state"] == "cancelled"
    platform.have_workers(1)
    assert platform.train("waiting").status_code == 201
    facts = platform.get(f"/jobs/{job}").json()
    assert (facts["state"], facts["attempt"], facts["started_at"]) == ("cancelled", 0, None)


def test_an_ended_training_is_run_again(platform):
    platform.upload("again", TABLE)
    platform.have_workers(1)
    first = platform.train("again").json()["job"]
    again = platform.post(f"/jobs/{first}/retry")
    assert again.status_code == 202
    assert platform.ended(again.json()["job"])["result"]["version"] == 2


def test_a_training_shows_its_progress_its_log_and_its_memory(platform):
    job = begun(platform, "shown", ENDLESS)

    def shows():
        facts = platform.get(f"/jobs/{job}").json()
        return 0.15 < facts["progress"] < 0.8 and facts["memory_bytes"] and facts

    facts = until(shows, what="Progress within the fit", within=20)
    assert [name for name, _ in facts["timings"]] == ["loading", "checking", "fitting"]
    lines = until(lambda: platform.get(f"/jobs/{job}/log").json()["lines"], what="A line of the log")
    assert any(re.match(r" +\d+ +\d\.\d+ ", line) for line in lines), lines[:5]
    platform.post(f"/jobs/{job}/cancel")
    platform.ended(job)


def test_a_job_survives_a_database_that_restarts_during_its_fit(platform, request):
    if not platform.store:
        pytest.skip("SQLite has no server to restart")
    job = begun(platform, "restarted")
    postgres = request.getfixturevalue("postgres")
    postgres.stop()
    time.sleep(1)
    postgres.start()
    platform.have_workers(1)
    ended = platform.ended(job)
    assert (ended["state"], platform.numbers("restarted")) == ("succeeded", [1])
