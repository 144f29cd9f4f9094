import subprocess
import sys

from tests.servers.platform import ROOT


def test_three_first_starts_at_once_do_not_break_each_other(postgres_and_s3, postgres, object_store):
    """As when a deployment begins with several replicas: one migrates, and one account is made."""
    env = postgres_and_s3.env | {
        "DATABASE_URL": postgres.create("at-once"),
        "DATASETS_BUCKET": "at-once-datasets",
        "TRAINED_MODELS_BUCKET": "at-once-models",
    }
    command = [sys.executable, "manage.py", "bootstrap"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    starts = [subprocess.Popen(command, cwd=ROOT, env=env, **pipes) for _ in range(3)]
    said = sorted(start.communicate(timeout=120) for start in starts)
    assert [start.returncode for start in starts] == [0, 0, 0], said
    assert said[:2] == [("", ""), ("", "")]
    assert said[2][0].startswith("Administrator: admin")
    buckets = {bucket["Name"] for bucket in object_store.client().list_buckets()["Buckets"]}
    assert {"at-once-datasets", "at-once-models"} <= buckets
