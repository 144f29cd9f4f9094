"""Large tables predicted as jobs by the platform as `manage.py run` starts it, and what may be killed meanwhile."""

import signal
import time

import psutil
import pytest

from tests.conftest import SETUPS
from tests.servers.platform import ROWS, TABLE, Supervised
from tests.servers.processes import until

COUNT = 300_000
LINES = ["length,width,colour", "5,1.5,red", "9,1.6,blue", ",1.7,green", "11,,"]
LARGE = "\n".join([LINES[0], *(LINES[1:] * (COUNT // 4))]) + "\n"
# Half a second of training, and some seconds for that many rows.
MANY_TREES = {"module": "ensemble", "class": "ExtraTreesClassifier", "params": {"n_estimators": 1000}}


@pytest.fixture(scope="module", params=SETUPS)
def supervised(request, processes):
    """A platform of this module's own with a model, and a short lease."""
    if request.param == "sqlite_and_files":
        made = Supervised(processes)
    else:
        postgres, store = (request.getfixturevalue(name) for name in ("postgres", "object_store"))
        made = Supervised(processes, postgres=postgres, store=store)
    assert made.upload("large", TABLE).status_code == 201
    assert made.train("large", MANY_TREES).status_code == 201
    yield made
    processes.stop(made.web)


def send(platform, content: str = LARGE, **fields):
    body = {"dataset_name": "large", "environment": "dev"} | fields
    headers = {"Prefer": "respond-async"}
    return platform.post("/predict/file", files={"file": ("Large.csv", content)}, data=body, headers=headers)


def queued(platform, **fields) -> str:
    answer = send(platform, **fields)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def running(platform) -> str:
    """A job that has predicted some rows, and has others to predict; its address."""
    url = queued(platform)

    def look():
        job = platform.get(url).json()
        assert job["state"] in {"queued", "running"}, job
        return 0 < job["rows_done"] < COUNT

    until(look, what=f"{url} at work", pause=0.05)
    return url


def ended(platform, url: str, *, within: float = 120) -> dict:
    def look():
        answer = platform.get(url)
        job = answer.json() if answer.status_code == 200 else {"state": "running"}
        return job if job["state"] not in {"queued", "running"} else None

    return until(look, what=f"The end of {url}", within=within)


def scorer(platform) -> psutil.Process:
    def look():
        family = psutil.Process(platform.web.pid).children(recursive=True)
        return next((one for one in family if one.cmdline()[-1:] == ["scorer"]), None)

    return until(look, what="A scorer")


def is_right(platform, job: dict) -> bool:
    """Every row has come back with its own prediction."""
    wanted = platform.predict("large", "dev", rows=ROWS).json()["predictions"]
    table = [f"{line},{prediction}" for line, prediction in zip(LINES[1:], wanted, strict=True)]
    lines = platform.get(job["result"]["url"]).text.splitlines()
    return lines == [f"{LINES[0]},prediction", *(table * (COUNT // 4))]


def rows_counted(platform) -> float:
    lines = platform.get("/metrics").text.splitlines()
    wanted = [
        line for line in lines if line.startswith("mlmp_predict_rows_total{") and 'protocol="file"' in line
    ]
    return sum(float(line.split()[-1]) for line in wanted)


def keys(platform) -> list[str]:
    if store := platform.store:
        bucket = platform.env["DATASETS_BUCKET"]
        found = store.client().list_objects_v2(Bucket=bucket, Prefix="scoring-jobs/").get("Contents", [])
        return [one["Key"] for one in found]
    folder = platform.data / "datasets" / "scoring-jobs"
    return [str(path) for path in folder.rglob("*.csv")]


def test_a_large_table_is_predicted_with_progress_and_counted(supervised):
    before = rows_counted(supervised)
    url = running(supervised)
    job = supervised.get(url).json()
    assert 0 < job["progress"] < 1
    assert supervised.get(f"{url}/result").status_code == 409
    job = ended(supervised, url)
    assert (job["state"], job["attempt"], job["rows_done"]) == ("succeeded", 1, COUNT)
    assert is_right(supervised, job)
    assert rows_counted(supervised) == before + COUNT
    assert supervised.call("DELETE", url).status_code == 204
    assert keys(supervised) == []


def test_a_killed_scorer_s_job_is_done_by_the_next_one(supervised):
    url = running(supervised)
    scorer(supervised).kill()
    job = ended(supervised, url)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert is_right(supervised, job)
    supervised.call("DELETE", url)
    assert keys(supervised) == []


def test_a_scorer_that_is_asked_to_stop_hands_its_job_back_uncounted(supervised):
    url = running(supervised)
    stopped = scorer(supervised)
    stopped.send_signal(signal.SIGTERM)
    stopped.wait(10)
    job = ended(supervised, url)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert is_right(supervised, job)
    supervised.call("DELETE", url)


def test_a_running_job_ends_within_five_seconds_of_its_cancelling(supervised):
    url = running(supervised)
    assert supervised.post(f"{url}/cancel").status_code == 200
    job = ended(supervised, url, within=5)
    assert (job["state"], job["error"]["detail"]) == ("cancelled", "Cancelled by admin.")
    assert keys(supervised) == []
    supervised.call("DELETE", url)


def test_a_table_does_not_wait_behind_a_training(supervised):
    endless = {"module": "ensemble", "class": "ExtraTreesClassifier", "params": {"n_estimators": 50_000}}
    training = supervised.train("large", endless, prefer="respond-async").json()["job"]
    supervised.reaches(training, "fitting")
    url = queued(supervised)
    assert ended(supervised, url)["state"] == "succeeded"
    assert supervised.get(f"/jobs/{training}").json()["state"] == "running"
    supervised.post(f"/jobs/{training}/cancel")
    supervised.ended(training)
    supervised.call("DELETE", url)


def test_a_fault_in_the_last_row_ends_the_job_with_its_place(supervised):
    url = send(supervised, LARGE + "long,1,red\n").headers["Location"]
    job = ended(supervised, url)
    assert (job["state"], job["result"]) == ("failed", None)
    assert job["error"]["detail"] == f"Row {COUNT + 1}, column `length` must be a number."
    assert keys(supervised) == []
    supervised.call("DELETE", url)


def test_a_store_that_is_away_for_a_moment_costs_a_job_nothing_but_time(supervised):
    url = running(supervised)
    log = supervised.folder / "run.log"
    said = len(log.read_text())
    with supervised.store_fails():
        until(lambda: "object store" in log.read_text()[said:], what="A result that could not be stored")
    job = ended(supervised, url)
    assert job["state"] == "succeeded", job["error"]
    assert is_right(supervised, job)
    supervised.call("DELETE", url)


def test_a_job_survives_a_database_that_restarts(supervised, request):
    if not supervised.store:
        pytest.skip("SQLite has no server to restart")
    url = running(supervised)
    postgres = request.getfixturevalue("postgres")
    postgres.stop()
    time.sleep(2)
    postgres.start()
    job = ended(supervised, url)
    assert job["state"] == "succeeded", job["error"]
    assert is_right(supervised, job)
    supervised.call("DELETE", url)
