"""Simultaneous callers: numbers without gaps or clashes, one live release, no server error."""

import hashlib
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.servers.platform import ROOT, TABLE, at_once, statuses

OTHER_TABLE = TABLE + "6,1.5,red,rose\n"


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


def test_one_of_two_simultaneous_promotions_of_a_version_wins(platform):
    platform.train_versions("raced")
    original = platform.get("/models/raced/1").json()["artifact_path"]
    for _ in range(5):
        responses = at_once(*[lambda: platform.promote("raced", 1, "staging")] * 2)
        accepted, refused = sorted(responses, key=lambda response: response.status_code)
        assert accepted.status_code == 200, accepted.text
        assert refused.status_code in {400, 409}, refused.text
        assert refused.json()["code"] in {"not_higher", "moved_meanwhile", "busy"}
        assert platform.live_versions("raced", "staging") == [1]
        assert platform.get("/models/raced/1").json()["artifact_path"] == accepted.json()["artifact_path"]
        platform.sql("DELETE FROM registry_release WHERE stage = 'staging' AND dataset_id = "
                     "(SELECT id FROM catalog_dataset WHERE name = 'raced')")  # fmt: skip
        platform.sql("UPDATE registry_modelversion SET reached = 'dev', promoted_at = NULL WHERE dataset_id = "
                     "(SELECT id FROM catalog_dataset WHERE name = 'raced')")  # fmt: skip
    assert platform.stored(original).exists()


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


def test_one_of_two_files_uploaded_under_one_name_at_once_wins(platform):
    for turn in range(5):
        name = f"claimed{turn}"
        responses = at_once(
            lambda name=name: platform.upload(name, TABLE),
            lambda name=name: platform.upload(name, OTHER_TABLE),
        )
        assert statuses(responses) == [201, 409]
        accepted = next(response for response in responses if response.status_code == 201)
        assert platform.numbers(name, "catalog_datasetversion") == [1]
        content = platform.get(f"/datasets/{name}/file").content
        assert hashlib.sha256(content).hexdigest() == accepted.json()["sha256"]


def test_two_simultaneous_uploads_of_the_same_bytes_return_the_same_version(platform):
    for turn in range(5):
        name = f"twins{turn}"
        responses = at_once(*[lambda name=name: platform.upload(name)] * 2)
        assert statuses(responses) == [200, 201]
        assert responses[0].json() == responses[1].json()
        assert platform.numbers(name, "catalog_datasetversion") == [1]
        assert platform.get(f"/datasets/{name}/file").content == TABLE.encode()


def test_five_simultaneous_new_versions_are_numbered_without_a_gap(platform):
    assert platform.upload("growing").status_code == 201
    responses = at_once(
        *[
            lambda row=row: platform.upload("growing", f"{TABLE}{row},1.5,red,rose\n", new_version="true")
            for row in range(5)
        ]
    )
    assert statuses(responses) == [201] * 5
    assert platform.numbers("growing", "catalog_datasetversion") == [1, 2, 3, 4, 5, 6]
    for response in responses:
        version = response.json()
        content = platform.get("/datasets/growing/file", params={"version": version["version"]}).content
        assert hashlib.sha256(content).hexdigest() == version["sha256"]


def test_ten_simultaneous_writers_get_no_server_error(platform):
    platform.train_versions("crowded", versions=2)

    def write(writer: int) -> list[int]:
        codes = []
        for turn in range(8):
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
    assert codes.total() == 240
    assert set(codes) <= {200, 201, 409}
    assert len(platform.live_versions("crowded", "dev")) == 1
    assert platform.finished(trained["job"])["state"] == "succeeded"
