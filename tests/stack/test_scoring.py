"""Scoring jobs of the platform as `manage.py run` starts it, with faults while they run."""

import signal
import socket

import psutil
import pytest

from tests.servers.platform import ENDLESS, ROWS, TABLE, Supervised
from tests.servers.processes import until
from tests.servers.scheduling import SETUPS

COUNT = 60_000
LINES = ["length,width,colour", "5,1.5,red", "9,1.6,blue", ",1.7,green", "11,,"]
LARGE = "\n".join([LINES[0], *(LINES[1:] * (COUNT // 4))]) + "\n"
# A second or two of prediction for that many rows.
MANY_TREES = {"module": "ensemble", "class": "ExtraTreesClassifier", "params": {"n_estimators": 400}}


@pytest.fixture(scope="module", params=SETUPS)
def supervised(request, processes):
    """A platform with a model."""
    is_local = request.param == "sqlite_and_files"
    platform = Supervised(processes) if is_local else request.getfixturevalue("supervised_with_servers")
    assert platform.upload("large", TABLE).status_code == 201
    assert platform.train("large", MANY_TREES).status_code == 201
    yield platform
    processes.stop(platform.web)


def send(platform, content: str = LARGE, **fields):
    body = {"dataset_name": "large", "environment": "dev"} | fields
    headers = {"Prefer": "respond-async"}
    return platform.post("/predict/file", files={"file": ("Large.csv", content)}, data=body, headers=headers)


def queued(platform, **fields) -> str:
    response = send(platform, **fields)
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def running(platform) -> str:
    """The URL of a job that has predicted some of its rows."""
    url = queued(platform)

    def is_running():
        job = platform.get(url).json()
        assert job["state"] in {"queued", "running"}, job
        return 0 < job["rows_done"] < COUNT

    until(is_running, what=f"Progress of {url}", pause=0.05)
    return url


def ended(platform, url: str) -> dict:
    def finished_job():
        response = platform.get(url)
        job = response.json() if response.status_code == 200 else {"state": "running"}
        return job if job["state"] not in {"queued", "running"} else None

    return until(finished_job, what=f"The end of {url}")


def scorer(platform) -> psutil.Process:
    def find():
        children = psutil.Process(platform.web.pid).children(recursive=True)
        return next((child for child in children if child.cmdline()[-1:] == ["scorer"]), None)

    return until(find, what="A scorer")


def is_correct(platform, job: dict) -> bool:
    """Every row of the result has its own prediction."""
    predictions = platform.predict("large", "dev", rows=ROWS).json()["predictions"]
    table = [f"{line},{prediction}" for line, prediction in zip(LINES[1:], predictions, strict=True)]
    lines = platform.get(job["result"]["url"]).text.splitlines()
    return lines == [f"{LINES[0]},prediction", *(table * (COUNT // 4))]


def rows_counted(platform) -> float:
    lines = platform.get("/metrics").text.splitlines()
    counters = [
        line for line in lines if line.startswith("mlmp_predict_rows_total{") and 'protocol="file"' in line
    ]
    return sum(float(line.split()[-1]) for line in counters)


def keys(platform) -> list[str]:
    if store := platform.store:
        bucket = platform.env["DATASETS_BUCKET"]
        objects = store.client().list_objects_v2(Bucket=bucket, Prefix="scoring-jobs/").get("Contents", [])
        return [entry["Key"] for entry in objects]
    folder = platform.data / "datasets" / "scoring-jobs"
    return [str(path) for path in folder.rglob("*.csv")]


def test_a_scoring_job_shows_its_progress_and_counts_its_rows(supervised):
    before = rows_counted(supervised)
    url = running(supervised)
    job = supervised.get(url).json()
    assert 0 < job["progress"] < 1
    assert supervised.get(f"{url}/result").status_code == 409
    job = ended(supervised, url)
    assert (job["state"], job["attempt"], job["rows_done"]) == ("succeeded", 1, COUNT)
    assert is_correct(supervised, job)
    assert rows_counted(supervised) == before + COUNT
    assert supervised.call("DELETE", url).status_code == 204
    assert keys(supervised) == []


def test_the_job_of_a_killed_scorer_is_done_by_the_next_one(supervised):
    url = running(supervised)
    scorer(supervised).kill()
    job = ended(supervised, url)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert is_correct(supervised, job)
    supervised.call("DELETE", url)
    assert keys(supervised) == []


def test_a_scorer_that_is_stopped_hands_its_job_back_uncounted(supervised):
    url = running(supervised)
    stopped = scorer(supervised)
    stopped.send_signal(signal.SIGTERM)
    stopped.wait(60)
    job = ended(supervised, url)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert is_correct(supervised, job)
    supervised.call("DELETE", url)


def test_a_running_job_is_cancelled_before_its_last_row(supervised):
    url = running(supervised)
    assert supervised.post(f"{url}/cancel").status_code == 200
    job = ended(supervised, url)
    assert job["rows_done"] < COUNT
    assert (job["state"], job["error"]["detail"]) == ("cancelled", "Cancelled by admin.")
    assert keys(supervised) == []
    supervised.call("DELETE", url)


def test_a_scoring_job_does_not_wait_for_a_training(supervised):
    training = supervised.train("large", ENDLESS, prefer="respond-async").json()["job"]
    supervised.wait_for_stage(training, "fitting")
    url = queued(supervised)
    assert ended(supervised, url)["state"] == "succeeded"
    assert supervised.get(f"/jobs/{training}").json()["state"] == "running"
    supervised.cancel(training)
    supervised.call("DELETE", url)


def test_an_invalid_last_row_fails_the_job_with_its_number(supervised):
    url = send(supervised, LARGE + "long,1,red\n").headers["Location"]
    job = ended(supervised, url)
    assert (job["state"], job["result"]) == ("failed", None)
    assert job["error"]["detail"] == f"Row {COUNT + 1:,}, column `length` must be a number."
    assert keys(supervised) == []
    supervised.call("DELETE", url)


def test_a_job_survives_a_store_that_is_unavailable_for_a_moment(supervised):
    url = running(supervised)
    log = supervised.folder / "run.log"
    size = len(log.read_text())
    with supervised.store_unavailable():
        until(lambda: "object store" in log.read_text()[size:], what="A result that could not be stored")
    job = ended(supervised, url)
    assert job["state"] == "succeeded", job["error"]
    assert is_correct(supervised, job)
    supervised.call("DELETE", url)


def test_a_job_survives_a_database_that_restarts(supervised, request):
    if not supervised.store:
        pytest.skip("SQLite has no server to restart")
    url = running(supervised)
    postgres = request.getfixturevalue("postgres")
    log = supervised.folder / "run.log"
    size = len(log.read_text())
    postgres.stop()
    until(lambda: "the database is unavailable" in log.read_text()[size:], what="A scorer without a database")
    postgres.start()
    job = ended(supervised, url)
    assert job["state"] == "succeeded", job["error"]
    assert is_correct(supervised, job)
    supervised.call("DELETE", url)


def has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more, also if nobody has asked for its exit code."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_every_process_ends_and_the_port_is_free_when_run_is_killed(supervised):
    training = supervised.train("large", ENDLESS, prefer="respond-async").json()["job"]
    supervised.wait_for_stage(training, "fitting")
    started = psutil.Process(supervised.web.pid).children(recursive=True)
    assert len(started) >= 9  # among them the fork server and its training
    supervised.web.kill()
    until(lambda: all(has_ended(process) for process in started), what="The end of all processes")
    with socket.create_server(("127.0.0.1", supervised.port)):
        assert supervised.sql(f"SELECT state, attempt FROM registry_trainingjob WHERE id = {training}") == [
            ("queued", 0)
        ]
