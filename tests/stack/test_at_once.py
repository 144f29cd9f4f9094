"""Simultaneous callers: each gets the answer of one call after the other, numbers have no gaps, one release is live."""

import hashlib
import itertools
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.platform import PASSWORD, ROOT, TABLE, TREE, at_once, statuses

CALLERS = 3
ALL_VERSIONS = [1, 2, 3, 4]
TABLES = [f"{TABLE}{row},1.5,red,rose\n" for row in range(5)]
names = (f"repeated{number}" for number in itertools.count())
trained = {}


def repeat(call) -> list:
    return at_once(*[call] * CALLERS)


def outcomes(responses: list) -> list:
    """The statuses, with the codes of the errors."""
    return sorted((r.status_code, r.json()["code"] if r.status_code >= 400 else "") for r in responses)


def first_then(first: int, later: int, code: str = "") -> list:
    """The outcomes if one caller gets the first status, and each later one the second."""
    return sorted([(first, ""), *[(later, code)] * (CALLERS - 1)])


def all_get(status: int) -> list:
    return [(status, "")] * CALLERS


@pytest.fixture
def dataset(platform):
    name = next(names)
    assert platform.upload(name).status_code == 201
    return name


@pytest.fixture
def models(platform):
    """The name of a dataset with ALL_VERSIONS, which the tests of a platform share."""
    if platform not in trained:
        trained[platform] = next(names)
        platform.train_versions(trained[platform], versions=len(ALL_VERSIONS))
    return trained[platform]


@pytest.fixture
def queue(platform, dataset):
    """Queues trainings, which no worker runs."""
    platform.run_workers(0)
    jobs = set()

    def post(**headers) -> int:
        body = {"dataset_name": dataset, "model": TREE}
        response = platform.post("/train", body, headers={"Prefer": "respond-async"} | headers)
        assert response.status_code == 202, response.text
        jobs.add(response.json()["job"])
        return response.json()["job"]

    yield post
    for job in jobs:
        platform.post(f"/jobs/{job}/cancel")


@pytest.fixture
def send_file(platform, models):
    def send(**headers):
        data = {"dataset_name": models, "environment": "dev"}
        return platform.post("/predict/file", files={"file": ("a.csv", TABLE)}, data=data, headers=headers)

    return send


def content_matches(platform, response) -> bool:
    version = response.json()
    query = {"version": version["version"]}
    content = platform.get(f"/datasets/{version['name']}/file", params=query).content
    return hashlib.sha256(content).hexdigest() == version["sha256"]


@pytest.mark.parametrize("new_version", ["false", "true"])
def test_uploads_of_the_same_bytes_return_the_same_version(platform, new_version):
    name = next(names)
    responses = repeat(lambda: platform.upload(name, new_version=new_version))
    assert outcomes(responses) == first_then(201, 200)
    assert all(response.json() == responses[0].json() for response in responses)
    assert platform.numbers(name, "catalog_datasetversion") == [1]
    assert content_matches(platform, responses[0])


def test_one_of_several_files_uploaded_under_one_name_becomes_the_dataset(platform):
    name = next(names)
    responses = at_once(*[lambda table=table: platform.upload(name, table) for table in TABLES[:CALLERS]])
    assert outcomes(responses) == first_then(201, 409, "dataset_exists")
    assert platform.numbers(name, "catalog_datasetversion") == [1]
    assert content_matches(platform, min(responses, key=lambda response: response.status_code))


def test_new_versions_are_numbered_without_a_gap_even_of_a_new_dataset(platform):
    name = next(names)
    responses = at_once(
        *[lambda table=table: platform.upload(name, table, new_version="true") for table in TABLES]
    )
    assert statuses(responses) == [201] * len(TABLES)
    assert platform.numbers(name, "catalog_datasetversion") == [1, 2, 3, 4, 5]
    assert all(content_matches(platform, response) for response in responses)


def test_deletions_of_a_dataset_delete_it_once(platform, dataset):
    responses = repeat(lambda: platform.call("DELETE", f"/datasets/{dataset}"))
    assert outcomes(responses) == first_then(204, 404, "dataset_not_found")


def test_trainings_of_an_example_add_it_once(platform):
    platform.run_workers(0)
    name = next(names)
    responses = repeat(lambda: platform.train(name, TREE, prefer="respond-async", use_example=True))
    for response in responses:
        platform.post(f"/jobs/{response.json()['job']}/cancel")
    assert outcomes(responses) == all_get(202)
    assert platform.numbers(name, "catalog_datasetversion") == [1]


def test_the_same_query_for_a_new_dataset_is_one_job(platform, dataset):
    platform.run_workers(0)
    body = {"name": next(names), "sql": f"SELECT * FROM {dataset}"}
    headers = {"Prefer": "respond-async"}
    responses = repeat(lambda: platform.post("/datasets/derive", body, headers=headers))
    jobs = {response.json()["job"] for response in responses}
    for job in jobs:
        platform.post(f"/imports/{job}/cancel")
    assert (outcomes(responses), len(jobs)) == (all_get(202), 1)


def test_trainings_with_one_idempotency_key_are_one_job(queue, dataset):
    assert len(set(repeat(lambda: queue(**{"Idempotency-Key": dataset})))) == 1


def test_cancellations_and_retries_of_a_job(platform, queue):
    job = queue()
    assert outcomes(repeat(lambda: platform.post(f"/jobs/{job}/cancel"))) == first_then(200, 409, "job_ended")
    responses = repeat(lambda: platform.post(f"/jobs/{job}/retry"))
    assert outcomes(responses) == all_get(202)
    jobs = {response.json()["job"] for response in responses}
    assert len(jobs) == CALLERS
    for job in jobs:
        platform.post(f"/jobs/{job}/cancel")


def bytes_are_right(platform, dataset: str) -> bool:
    models = platform.get("/models", params={"dataset": dataset, "page_size": 100}).json()["results"]
    digests = [hashlib.sha256(platform.stored(model["artifact_path"]).read()).hexdigest() for model in models]
    return digests == [model["artifact_sha256"] for model in models]


def test_twenty_trainings_that_end_at_the_same_moment_get_the_versions_1_to_20(platform):
    platform.run_workers(0)
    assert platform.upload("twenty").status_code == 201
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("scripts") / "simultaneous_trainings.py", "twenty"],
        env=platform.env, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert platform.numbers("twenty") == list(range(1, 21))
    assert len(platform.live_versions("twenty", "dev")) == 1
    assert bytes_are_right(platform, "twenty")
    states = platform.sql("SELECT DISTINCT state FROM registry_trainingjob WHERE dataset_name = 'twenty'")
    assert states == [("succeeded",)]


def test_promotions_of_a_version_release_it_once(platform, models):
    original = platform.get(f"/models/{models}/1").json()["artifact_path"]
    responses = repeat(lambda: platform.promote(models, 1, "production"))
    assert outcomes(responses) == first_then(200, 400, "not_higher")
    assert platform.live_versions(models, "production") == [1]
    accepted = min(responses, key=lambda response: response.status_code)
    assert platform.get(f"/models/{models}/1").json()["artifact_path"] == accepted.json()["artifact_path"]
    assert platform.stored(original).exists()


def test_promotions_rollbacks_and_retirements_have_the_effect_of_one_after_the_other(platform, models):
    versions = [2, 3, 4]
    responses = at_once(*[lambda n=n: platform.promote(models, n, "staging") for n in versions])
    assert outcomes(responses) == all_get(200)
    first, second, _ = sorted(responses, key=lambda response: response.json()["promoted_at"])
    body = {"dataset_name": models, "environment": "staging"}
    responses = repeat(lambda: platform.post("/rollback", body))
    assert outcomes(responses) == [(200, ""), (200, ""), (409, "no_earlier_release")]
    rolled_back = {response.json().get("version") for response in responses} - {None}
    assert rolled_back == {first.json()["version"], second.json()["version"]}
    assert platform.live_versions(models, "staging") == [first.json()["version"]]
    responses = repeat(lambda: platform.post("/retire", body))
    assert outcomes(responses) == first_then(200, 409, "already_retired")
    assert platform.live_versions(models, "staging") == []


def test_rollbacks_with_one_idempotency_key_or_to_one_version_are_one_rollback(platform, models):
    body = {"dataset_name": models, "environment": "dev"}
    key = {"Idempotency-Key": models}
    responses = repeat(lambda: platform.post("/rollback", body, headers=key))
    assert outcomes(responses) == all_get(200)
    assert len({response.text for response in responses}) == 1
    assert platform.live_versions(models, "dev") == [3]
    responses = repeat(lambda: platform.post("/rollback", body | {"to_version": 1}))
    assert outcomes(responses) == first_then(200, 409, "no_earlier_release")


def test_deletions_of_a_model_version_delete_it_once(platform):
    name = next(names)
    platform.train_versions(name, versions=2)
    responses = repeat(lambda: platform.call("DELETE", f"/models/{name}/1"))
    assert outcomes(responses) == first_then(204, 404, "model_not_found")


def test_predictions_of_a_file_are_the_same(send_file):
    responses = repeat(send_file)
    assert outcomes(responses) == all_get(200)
    assert len({response.content for response in responses}) == 1


def test_scoring_jobs_are_cancelled_and_deleted_once(platform, send_file):
    responses = repeat(lambda: send_file(Prefer="respond-async"))
    assert outcomes(responses) == all_get(202)
    jobs = [response.json()["job"] for response in responses]
    assert len(set(jobs)) == CALLERS
    path = f"/predict/jobs/{jobs[0]}"
    assert outcomes(repeat(lambda: platform.post(f"{path}/cancel"))) == first_then(200, 409, "job_ended")
    assert outcomes(repeat(lambda: platform.call("DELETE", path))) == first_then(204, 404, "job_not_found")


def test_tokens_are_created_for_each_caller_and_revoked_once(platform):
    credentials = {"username": "admin", "password": PASSWORD}
    responses = repeat(lambda: platform.post("/auth/token", credentials, token=None))
    assert outcomes(responses) == all_get(201)
    token = responses[0].json()["token"]
    revoked, *later = statuses(repeat(lambda: platform.call("DELETE", "/auth/token", token=token)))
    assert revoked == 204
    assert set(later) <= {401, 404}  # before or after the check of the token


def test_two_workers_run_each_of_eight_simultaneous_trainings_once(platform):
    assert platform.upload("queued").status_code == 201
    platform.run_workers(2)
    responses = at_once(*[lambda: platform.train("queued", prefer="respond-async")] * 8)
    assert statuses(responses) == [202] * 8
    jobs = [platform.finished(response.json()["job"]) for response in responses]
    assert [job["state"] for job in jobs] == ["succeeded"] * 8
    assert sorted(job["result"]["version"] for job in jobs) == list(range(1, 9))
    assert [job["attempt"] for job in jobs] == [1] * 8
    assert len(platform.live_versions("queued", "dev")) == 1
    assert bytes_are_right(platform, "queued")


def test_exactly_one_of_two_versions_promoted_to_a_stage_at_once_is_live(platform):
    platform.train_versions("rivals", versions=2)
    for stage in ("staging", "production"):
        responses = at_once(
            lambda stage=stage: platform.promote("rivals", 1, stage),
            lambda stage=stage: platform.promote("rivals", 2, stage),
        )
        assert statuses(responses) in ([200, 200], [200, 409])
        (live,) = platform.live_versions("rivals", stage)
        assert platform.predict("rivals", stage).json()["version"] == live


def test_ten_simultaneous_writers_get_no_server_error(platform):
    platform.train_versions("crowded", versions=2)

    def write(writer: int) -> list[int]:
        codes = []
        for turn in range(2):
            table = f"{TABLE}{turn},{writer},red,rose\n"
            to_version = {"dataset_name": "crowded", "environment": "dev", "to_version": 1 + turn % 2}
            codes += [
                platform.upload(f"crowd{writer}", table, new_version="true").status_code,
                platform.post("/rollback", to_version).status_code,
                platform.get("/models", params={"dataset": "crowded"}).status_code,
            ]
        return codes

    trained = platform.train("crowded", prefer="respond-async").json()
    with ThreadPoolExecutor(10) as pool:
        codes = Counter(status for responses in pool.map(write, range(10)) for status in responses)
    assert codes.total() == 60
    assert set(codes) <= {200, 201, 409}
    assert len(platform.live_versions("crowded", "dev")) == 1
    assert platform.finished(trained["job"])["state"] == "succeeded"
