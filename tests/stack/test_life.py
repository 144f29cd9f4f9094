"""The first start, and the lifecycle of a model over HTTP against real processes, in both set-ups."""

import hashlib
import io
import subprocess
import sys

import joblib
import pandas

from tests.servers.platform import ROOT, ROWS, TABLE
from tests.servers.processes import until
from tests.stack.conftest import on_postgres_and_s3

COLUMNS = ["length", "width", "colour"]


@on_postgres_and_s3
def test_three_simultaneous_first_starts_succeed(platform, postgres, object_store):
    """As in a first deployment with several replicas: one of them migrates, and one account is created."""
    env = platform.env | {
        "DATABASE_URL": postgres.create("at-once"),
        "DATASETS_BUCKET": "at-once-datasets",
        "TRAINED_MODELS_BUCKET": "at-once-models",
    }
    command = [sys.executable, "manage.py", "bootstrap"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    starts = [subprocess.Popen(command, cwd=ROOT, env=env, **pipes) for _ in range(3)]
    output = sorted(start.communicate(timeout=180) for start in starts)
    assert [start.returncode for start in starts] == [0, 0, 0], output
    assert output[:2] == [("", ""), ("", "")]
    assert output[2][0].startswith("Administrator: admin")
    buckets = {bucket["Name"] for bucket in object_store.client().list_buckets()["Buckets"]}
    assert {"at-once-datasets", "at-once-models"} <= buckets


def test_upload_training_promotion_prediction_and_rollback(platform):
    platform.run_workers(1)
    uploaded = platform.upload("life", description="Flowers")
    assert uploaded.status_code == 201
    details = uploaded.json()
    assert details["rows"] == 22
    assert details["sha256"] == hashlib.sha256(TABLE.encode()).hexdigest()
    assert platform.get("/datasets/life/file").content == TABLE.encode()
    assert platform.stored(details["location"]).read() == TABLE.encode()

    for number in (1, 2):
        trained = platform.train("life", target_column="species", random_state=number)
        assert trained.status_code == 201, trained.text
        assert trained.json()["version"] == number
        assert trained.json()["model_file"] == f"life_model_dev_v{number}.pkl"
        assert set(trained.json()["metrics"]) >= {"accuracy", "precision", "recall", "f1_score"}

    assert platform.predict("life", "staging").status_code == 404
    for stage in ("staging", "production"):
        promoted = platform.promote("life", 1, stage)
        assert promoted.status_code == 200, promoted.text
        assert promoted.json()["artifact_path"].endswith(f"/life_model_{stage}_v1.pkl")
        assert platform.predict("life", stage).json()["version"] == 1
    lower = platform.promote("life", 1, "staging")
    assert (lower.status_code, lower.json()["code"]) == (400, "not_higher")
    assert [path for path in platform.data.rglob("*") if path.stat().st_mode & 0o077] == []

    no_earlier = platform.post("/rollback", {"dataset_name": "life", "environment": "production"})
    assert (no_earlier.status_code, no_earlier.json()["code"]) == (409, "no_earlier_release")
    assert platform.promote("life", 2, "production").status_code == 200
    until(lambda: platform.predict("life", "production").json()["version"] == 2, what="The promotion")
    back = platform.post("/rollback", {"dataset_name": "life", "environment": "production"})
    assert (back.status_code, back.json()["version"]) == (200, 1)
    until(lambda: platform.predict("life", "production").json()["version"] == 1, what="The rollback")
    assert platform.live_versions("life", "production") == [1]

    in_use = platform.call("DELETE", "/datasets/life")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "dataset_in_use")
    live = platform.call("DELETE", "/models/life/1")
    assert (live.status_code, live.json()["code"]) == (409, "version_is_live")
    assert platform.call("DELETE", "/models/life/2").status_code == 204
    assert platform.get("/models/life/2").status_code == 404
    until(lambda: platform.predict("life", "dev").json()["version"] == 1, what="The deletion of version 2")

    for stage in ("staging", "production"):
        assert platform.post("/retire", {"dataset_name": "life", "environment": stage}).status_code == 200
    until(lambda: platform.predict("life", "production").status_code == 404, what="The retirement")
    assert "was retired from production on" in platform.predict("life", "production").json()["detail"]
    assert platform.get("/v2/models/life/ready").status_code == 404
    assert platform.get("/models/life/1").json()["live_in"] == ["dev"]
    assert platform.call("DELETE", "/models/life/1").status_code == 204
    assert platform.call("DELETE", "/datasets/life").status_code == 204


def test_a_downloaded_artifact_predicts_the_same_as_the_platform(platform):
    platform.train_versions("download")
    platform.promote("download", 1, "staging")
    response = platform.predict("download", "staging", probabilities=True).json()
    artifact = platform.get("/models/download/1/artifact")
    details = platform.get("/models/download/1").json()
    assert hashlib.sha256(artifact.content).hexdigest() == details["artifact_sha256"]
    pipeline = joblib.load(io.BytesIO(artifact.content))
    frame = pandas.DataFrame(ROWS, columns=COLUMNS).astype({"colour": "str"})
    assert response["predictions"] == pipeline.predict(frame).tolist()
    assert response["probabilities"] == pipeline.predict_proba(frame).tolist()
    assert response["classes"] == pipeline.classes_.tolist()


def test_deleting_a_model_removes_its_files_and_its_dataset_can_be_deleted(platform):
    platform.train_versions("shortlived")
    location = platform.get("/datasets/shortlived").json()["location"]
    artifact = platform.get("/models/shortlived/1").json()["artifact_path"]
    assert platform.call("DELETE", "/models/shortlived/1").status_code == 204
    assert platform.call("DELETE", "/datasets/shortlived").status_code == 204
    assert platform.get("/datasets/shortlived").status_code == 404
    for path in (location, artifact):
        assert not platform.stored(path).exists()


@on_postgres_and_s3
def test_files_of_a_bucket_are_registered_queried_trained_on_and_registered_again(platform, object_store):
    platform.run_workers(1)
    bucket, header = object_store.client(), TABLE.partition("\n")[0]
    bucket.create_bucket(Bucket="lake")
    for key in ("flowers/a.csv", "flowers/b.csv"):
        bucket.put_object(Bucket="lake", Key=key, Body=TABLE.encode())
    body, wait = {"name": "lake", "uri": "s3://lake/flowers/*.csv"}, {"Prefer": "wait=60"}
    registered = platform.post("/datasets/register", body, headers=wait)
    assert (registered.status_code, registered.json()["rows"]) == (201, 44), registered.text
    found = platform.get("/datasets/lake/rows", params={"where": '[["colour", "=", "red"]]'})
    assert (found.status_code, found.json()["total"]) == (200, 16), found.text
    query = {"name": "lake_counts", "sql": "SELECT species, count(*) AS n FROM lake GROUP BY species"}
    assert platform.post("/datasets/derive", query, headers=wait).json()["rows"] == 2
    assert platform.train("lake").status_code == 201
    bucket.put_object(Bucket="lake", Key="flowers/b.csv", Body=f"{header}\n5,1.5,red,tulip\n".encode())
    for path in ("/datasets/lake/rows", "/datasets/lake/file?format=csv"):
        refused = platform.get(path)
        assert (refused.status_code, refused.json()["code"]) == (409, "object_changed")
        assert "`s3://lake/flowers/b.csv` has changed" in refused.json()["detail"]
    again = platform.post("/datasets/register", body | {"new_version": True}, headers=wait)
    assert (again.status_code, again.json()["version"], again.json()["rows"]) == (201, 2, 23)
