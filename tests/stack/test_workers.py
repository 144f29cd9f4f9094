"""Training workers and their child processes that die or are stopped: no job is lost, none makes two models."""

import hashlib
import signal
import subprocess

import psutil
import pytest

from tests.servers import clocks
from tests.servers.platform import MAX_ATTEMPTS, SHORT, STEPS
from tests.servers.processes import group_leaders, until
from tests.stack.conftest import on_postgres_and_s3, on_sqlite_and_files

KILLED_AT = ["loading", "fitting", "evaluating", "saving"]


def are_gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() for process in processes)


def worker_at(platform, dataset: str, step: str) -> subprocess.Popen:
    """The worker that trains on the dataset, once it is in this step, or in a later one if it was too short to see."""
    later = set(STEPS[STEPS.index(step) :])

    query = (
        "SELECT stage, worker FROM registry_trainingjob "
        f"WHERE dataset_name = '{dataset}' AND state = 'running' ORDER BY id DESC"
    )

    def look(sql):
        names = [name for stage, name in sql(query) if stage in later]
        workers = [worker for worker in platform.workers if worker.poll() is None]
        return next((one for name in names for one in workers if name.endswith(f":{one.pid}")), None)

    with platform.connected() as sql:
        return until(lambda: look(sql), what=f"A training of {dataset} at {step}", pause=0.01)


def check_models(platform, dataset: str, jobs: list[int]) -> None:
    """One version for each job that succeeded and none for the others, each with the artifact that was saved."""
    versions = platform.get(f"/models?dataset={dataset}&page_size=100").json()["results"]
    succeeded = [job for job in jobs if platform.get(f"/jobs/{job}").json()["state"] == "succeeded"]
    assert sorted(version["job"] for version in versions) == sorted(succeeded)
    numbers = [version["version"] for version in versions]
    assert len(set(numbers)) == len(numbers)
    for version in versions:
        content = platform.get(f"/models/{dataset}/{version['version']}/artifact").content
        assert hashlib.sha256(content).hexdigest() == version["artifact_sha256"]
    assert len(platform.live_versions(dataset, "dev")) == min(len(versions), 1)


def test_a_training_process_that_is_killed_in_any_step_leaves_a_final_state(platform):
    platform.upload("children")
    platform.run_workers(1)
    jobs = []
    for step in KILLED_AT:
        jobs.append(platform.train("children", SHORT, prefer="respond-async").json()["job"])
        worker_at(platform, "children", step)
        for child in platform.trainings():
            child.kill()
        ended = platform.finished(jobs[-1])
        assert ended["state"] in {"succeeded", "failed"}
        assert ended["state"] == "succeeded" or "SIGKILL" in ended["error"]["detail"]
    check_models(platform, "children", jobs)


def test_jobs_reach_a_final_state_if_their_worker_is_killed_in_any_step(platform):
    platform.upload("orphans")
    jobs, children = [], []
    for step in KILLED_AT:
        platform.run_workers(2)
        jobs.append(platform.train("orphans", SHORT, prefer="respond-async").json()["job"])
        worker = worker_at(platform, "orphans", step)
        children += group_leaders(worker)
        platform.processes.stop(worker, signal.SIGKILL)
    for job in jobs:
        ended = platform.finished(job)
        assert ended["state"] in {"succeeded", "lost"}, ended["error"]
    check_models(platform, "orphans", jobs)
    until(lambda: are_gone(children), what="The end of the training processes")


def test_a_job_whose_worker_was_killed_is_done_by_another_worker_once(platform):
    job = platform.begin("killed", SHORT)
    children = psutil.Process(platform.workers[0].pid).children(recursive=True)
    assert set(platform.trainings()) < set(children)  # and the fork server
    platform.processes.stop(platform.workers[0], signal.SIGKILL)
    until(lambda: are_gone(children), what="The end of the training process and the fork server")
    assert platform.get(f"/jobs/{job}").json()["state"] == "running"
    platform.run_workers(1)
    ended = platform.finished(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    assert len(platform.numbers("killed")) == 1
    assert platform.predict("killed", "dev").status_code == 200


@on_postgres_and_s3
def test_workers_with_wrong_clocks_take_no_job_of_a_healthy_worker(platform):
    platform.upload("punctual")
    platform.run_workers(1)
    for count, seconds in enumerate(clocks.CLOCKS.values(), start=2):
        platform.run_workers(count, env=clocks.environment(seconds, platform.env))
    jobs = [platform.train("punctual", SHORT, prefer="respond-async").json()["job"] for _ in range(3)]
    ended = [platform.finished(job) for job in jobs]
    assert [(job["state"], job["attempt"]) for job in ended] == [("succeeded", 1)] * 3
    assert platform.numbers("punctual") == [1, 2, 3]


@on_sqlite_and_files
def test_a_training_process_has_no_secret_that_it_does_not_need(platform):
    job = platform.begin("without_secrets")
    environments = [str(child.environ()) for child in platform.trainings()]
    assert environments
    for name in ("SECRET_KEY", "PLATFORM_ADMIN_PASSWORD"):
        assert not any(platform.env[name] in environment for environment in environments)
    platform.post(f"/jobs/{job}/cancel")
    platform.finished(job)


def test_a_job_whose_last_attempt_loses_its_worker_is_lost(platform):
    job = platform.begin("lost")
    platform.processes.stop(platform.workers[0], signal.SIGKILL)
    platform.sql(f"UPDATE registry_trainingjob SET attempt = {MAX_ATTEMPTS} WHERE id = {job}")
    platform.run_workers(1)
    ended = platform.finished(job)
    assert (ended["state"], ended["error"]["code"]) == ("lost", "lost")
    assert "Train again." in ended["error"]["detail"]
    assert platform.numbers("lost") == []


@pytest.mark.parametrize(
    ("platform", "number"),
    [("sqlite_and_files", signal.SIGTERM), ("postgres_and_s3", signal.SIGINT)],
    ids=["sqlite_and_files-SIGTERM", "postgres_and_s3-SIGINT"],
    indirect=["platform"],
)
def test_a_worker_that_is_stopped_hands_its_job_back_uncounted(platform, number):
    dataset = f"handed_back_{number}"
    job = platform.begin(dataset, SHORT)
    children = platform.trainings()
    assert platform.processes.stop(platform.workers[0], number) == 0
    assert are_gone(children)
    waiting = platform.get(f"/jobs/{job}").json()
    assert (waiting["state"], waiting["attempt"]) == ("queued", 0)
    platform.run_workers(1)
    ended = platform.finished(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    assert platform.numbers(dataset) == [1]


def test_after_a_killed_training_process_the_worker_runs_the_next_job(platform):
    job = platform.begin("shot")
    for child in platform.trainings():
        child.kill()
    ended = platform.finished(job)
    assert (ended["state"], ended["error"]["code"]) == ("failed", "process_died")
    assert "SIGKILL" in ended["error"]["detail"]
    assert platform.numbers("shot") == []
    assert platform.train("shot").json()["version"] == 1


def test_a_training_process_ends_cleanly(platform):
    platform.train_versions("clean")
    assert "Fatal Python error" not in (platform.folder / "worker.log").read_text()


@on_postgres_and_s3
def test_an_import_whose_worker_is_killed_is_done_by_another_worker_once(platform):
    """The file is large enough for a job, and for an upload in parts."""
    platform.run_workers(1)
    content = "text\n" + "".join(f"{number} {'words ' * 1500}\n" for number in range(2_000))
    sent = platform.call(
        "POST",
        "/datasets/upload",
        files={"file": ("imported.csv", content)},
        headers={"Prefer": "respond-async"},
    )
    job = sent.headers["Location"]

    def is_running():
        return platform.get(job).json()["state"] == "running"

    until(is_running, what="The import", pause=0.01)
    platform.processes.stop(platform.workers[0], signal.SIGKILL)
    platform.run_workers(1)
    until(lambda: platform.get(job).json()["state"] == "succeeded", what="The end of the import", pause=0.2)
    assert platform.get(job).json()["attempt"] == 2
    assert platform.get("/datasets/imported").json()["rows"] == 2_000
    bucket, _, key = platform.get("/datasets/imported").json()["location"].partition("/")
    folder = key.rpartition("/")[0]
    listed = platform.store.client().list_objects_v2(Bucket=bucket, Prefix=f"{folder}/")["Contents"]
    assert (
        len(listed) == 3
    )  # the file, its typed copy and its sample, and none of the attempt that was killed


@on_postgres_and_s3
def test_a_query_whose_worker_is_killed_is_done_by_another_worker_once_and_again_over_a_new_version(platform):
    platform.run_workers(1)
    platform.upload("queried", "x\n1\n2\n")
    sql = "SELECT x, sum(x * i) AS s FROM queried, range(20000000) AS r(i) GROUP BY x ORDER BY x"
    body = {"name": "totals", "sql": sql, "on_new_version": True}
    sent = platform.call("POST", "/datasets/derive", json=body, headers={"Prefer": "respond-async"})
    job = sent.headers["Location"]
    until(lambda: platform.get(job).json()["state"] == "running", what="The query", pause=0.01)
    platform.processes.stop(platform.workers[0], signal.SIGKILL)
    platform.run_workers(1)
    until(lambda: platform.get(job).json()["state"] == "succeeded", what="The end of the query", pause=0.2)
    made = platform.get("/datasets/totals").json()
    assert (platform.get(job).json()["attempt"], made["version"], made["rows"]) == (2, 1, 2)
    assert platform.get("/datasets/totals/rows").json()["rows"] == [
        [1, 199999990000000],
        [2, 399999980000000],
    ]
    platform.upload("queried", "x\n1\n2\n3\n", new_version="true")
    until(lambda: platform.get("/datasets/totals").json()["version"] == 2, what="The next version", pause=0.2)
    assert platform.get("/datasets/totals").json()["rows"] == 3
