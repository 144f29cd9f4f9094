import subprocess
import sys

from tests.servers.platform import ROOT
from tests.stack.conftest import on_postgres_and_s3


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
