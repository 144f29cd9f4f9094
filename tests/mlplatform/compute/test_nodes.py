"""What the processes of a cluster are started with, and which of them are used."""

import os
import stat
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlplatform.compute import __main__ as start
from mlplatform.compute import cluster, local, node, versions
from mlplatform.jobs.attempt import Retried


def test_a_process_of_a_cluster_has_no_secret(monkeypatch):
    secrets = ("SECRET_KEY", "ARTIFACT_KEY", "DATABASE_URL", "OBJECT_STORAGE_SECRET_KEY", "ANY_OTHER_TOKEN")
    for name in secrets:
        monkeypatch.setenv(name, "swordfish")
    monkeypatch.setenv("DASK_SCHEDULER", "tcp://127.0.0.1:8786")
    environment = start.environment()
    os.rmdir(environment["DATA_DIR"])
    assert "swordfish" not in environment.values()
    assert environment["DASK_SCHEDULER"] == "tcp://127.0.0.1:8786"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_a_worker_with_the_same_versions_is_used():
    assert versions.difference(dict(versions.installed())) == ""


def test_a_worker_with_another_version_is_refused_with_the_difference():
    ours = versions.installed()
    theirs = ours | {"scikit-learn": "1.2.3"}
    assert versions.difference(theirs) == f"it has scikit-learn 1.2.3 (here {ours['scikit-learn']})"
    del theirs["numpy"]
    assert f"numpy is missing (here {ours['numpy']})" in versions.difference(theirs)


def test_a_worker_of_other_code_is_refused():
    theirs = versions.installed() | {versions.PLATFORM: "0123"}
    assert versions.difference(theirs).startswith("it has the platform 0123 (here ")


def test_a_worker_that_does_not_say_its_versions_is_refused():
    assert "python -m mlplatform.compute worker" in versions.difference(None)


def test_a_local_cluster_has_a_key_of_its_own_that_only_its_user_can_read(settings, tmp_path):
    settings.COMPUTE, settings.DASK_SCHEDULER, settings.DASK_WORKERS = "dask", "", 3
    settings.TRAIN_MEMORY_MB = 900
    environment = local.environment(str(tmp_path))
    assert (environment["DASK_SCHEDULERS"], environment["DASK_LOCAL_WORKERS"]) == ("1", "3")
    assert environment["DASK_WORKER_MEMORY_MB"] == "300"
    assert environment["DASK_SCHEDULER"].startswith("tls://127.0.0.1:")
    assert "PRIVATE KEY" in Path(environment["DASK_TLS_KEY"]).read_text()
    key = Path(environment["DASK_TLS_KEY"])
    assert (stat.S_IMODE(key.parent.stat().st_mode), stat.S_IMODE(key.stat().st_mode)) == (0o700, 0o600)


def test_no_cluster_is_started_for_one_that_runs_elsewhere(settings, tmp_path):
    settings.COMPUTE, settings.DASK_SCHEDULER = "dask", "tls://dask.example.org:8786"
    assert local.environment(str(tmp_path))["DASK_SCHEDULERS"] == "0"
    settings.COMPUTE, settings.DASK_SCHEDULER = "local", ""
    assert local.environment(str(tmp_path))["DASK_LOCAL_WORKERS"] == "0"


def test_only_the_task_that_a_worker_ran_is_blamed_for_its_death():
    first, second, third = (SimpleNamespace(priority=(number,)) for number in range(3))
    waiting = node.Scheduler._waiting
    assert waiting(None) == []
    worker = SimpleNamespace(processing=[third, first, second], executing=[])
    assert waiting(worker) == [second, third]
    worker.executing = [second]
    assert waiting(worker) == [first, third]


@pytest.mark.parametrize(
    ("error", "status", "raised"),
    [
        (OSError("No space left on device"), "error", OSError),
        (OSError("Timed out"), "pending", Retried),
        (CancelledError(), "cancelled", Retried),
    ],
)
def test_only_an_error_of_the_connection_is_a_lost_scheduler(error, status, raised):
    def result():
        raise error

    with pytest.raises(raised):
        cluster.Task(SimpleNamespace(result=result, status=status)).result()
