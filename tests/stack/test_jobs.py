"""Training jobs from the outside: limits, cancelling, retrying, progress."""

import re
import signal

import pytest

from tests.servers.platform import ENDLESS, SHORT, TRAIN_MEMORY_MB
from tests.servers.processes import until

# Affinities of every row with every other, several times: more than TRAIN_MEMORY_MB for 6,000 rows.
GREEDY = {"module": "cluster", "class": "AffinityPropagation", "params": {"damping": 0.9}}
MANY_ROWS = "a,b\n" + "".join(f"{n % 977 / 7:.3f},{n % 1013 / 3:.3f}\n" for n in range(6_000))


def test_a_training_that_exceeds_its_memory_limit_ends_alone(platform):
    platform.upload("greedy", MANY_ROWS)
    (worker,) = platform.run_workers(1)
    job = platform.train("greedy", GREEDY, target_column=None, prefer="respond-async").json()["job"]
    ended = platform.finished(job)
    assert (ended["state"], ended["error"]["code"]) == ("out_of_memory", "out_of_memory")
    assert f"the limit is {TRAIN_MEMORY_MB} MB" in ended["error"]["detail"]
    assert ended["memory_peak_bytes"] > TRAIN_MEMORY_MB * 1024**2
    assert worker.poll() is None
    assert platform.train("greedy", {"module": "cluster", "class": "KMeans"}).status_code == 201


def test_a_training_that_exceeds_its_time_limit_is_stopped(platform):
    platform.upload("slow")
    platform.run_workers(1)
    job = platform.train("slow", ENDLESS, prefer="respond-async", timeout_s=1).json()["job"]
    ended = platform.finished(job)
    assert ended["state"] == "timed_out"
    assert ended["error"]["detail"] == "The training exceeded its 1-second limit."
    assert platform.numbers("slow") == []


def test_cancelling_a_running_training_ends_its_process(platform):
    job = platform.begin("cancelled")
    children = platform.trainings()
    assert platform.post(f"/jobs/{job}/cancel").status_code == 200
    ended = platform.finished(job)
    assert (ended["state"], ended["error"]["detail"]) == ("cancelled", "Cancelled by admin.")
    assert not any(child.is_running() for child in children)
    assert platform.numbers("cancelled") == []
    assert platform.post(f"/jobs/{job}/cancel").status_code == 409


def test_a_queued_training_that_is_cancelled_never_starts(platform):
    platform.upload("waiting")
    (worker,) = platform.run_workers(1)
    worker.send_signal(signal.SIGSTOP)
    try:
        job = platform.train("waiting", prefer="respond-async").json()["job"]
        assert platform.post(f"/jobs/{job}/cancel").json()["state"] == "cancelled"
    finally:
        worker.send_signal(signal.SIGCONT)
    assert platform.train("waiting").status_code == 201
    facts = platform.get(f"/jobs/{job}").json()
    assert (facts["state"], facts["attempt"], facts["started_at"]) == ("cancelled", 0, None)


def test_a_finished_training_can_be_retried(platform):
    platform.upload("again")
    platform.run_workers(1)
    first = platform.train("again").json()["job"]
    again = platform.post(f"/jobs/{first}/retry")
    assert again.status_code == 202
    assert platform.finished(again.json()["job"])["result"]["version"] == 2


def test_a_training_shows_its_progress_its_log_and_its_memory(platform):
    job = platform.begin("shown")

    def shows():
        facts = platform.get(f"/jobs/{job}").json()
        return 0.15 < facts["progress"] < 0.8 and facts["memory_bytes"] and facts

    facts = until(shows, what="Progress within the fit")
    assert [name for name, _ in facts["timings"]] == ["loading", "checking", "fitting"]
    lines = until(lambda: platform.get(f"/jobs/{job}/log").json()["lines"], what="A line of the log")
    assert any(re.match(r" +\d+ +\d\.\d+ ", line) for line in lines), lines[:5]
    platform.cancel(job)


def test_a_job_survives_a_database_that_restarts_during_its_fit(platform, request):
    if not platform.store:
        pytest.skip("SQLite has no server to restart")
    job = platform.begin("restarted", SHORT | {"params": {"n_estimators": 3000}})
    log = platform.folder / "worker.log"
    size = len(log.read_text())
    postgres = request.getfixturevalue("postgres")
    postgres.stop()
    until(lambda: "the database is unavailable" in log.read_text()[size:], what="A worker without a database")
    postgres.start()
    ended = platform.finished(job)
    assert (ended["state"], platform.numbers("restarted")) == ("succeeded", [1])
