"""A group whose trials run on a real cluster of Dask."""

import threading

import pytest
from django.db import connection

from mlplatform.compute import cluster
from mlplatform.errors import NotReady
from registry.jobs import groups
from registry.models import TrainingJob, Trial
from registry.search.plan import GroupPlan
from tests import jobs_at_once
from tests.mlplatform.compute.processes import ComputeProcesses
from tests.servers.processes import until

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("compute")]

FOREST = {"module": "ensemble", "class": "ExtraTreesClassifier", "params": {"n_estimators": 30}}
RANGES = {"max_depth": {"low": 1, "high": 20}, "max_features": [1, 2, None]}
REQUEST = {"model": FOREST, "search": {"params": RANGES, "n_trials": 16}, "target_column": "species", "cv": 2}
FIELDS = ("number", "params", "state", "fold_scores", "mean", "error")


@pytest.fixture(scope="module")
def compute():
    started = ComputeProcesses()
    yield started
    started.stop()


@pytest.fixture
def search(make_dataset, admin, settings, compute):
    settings.JOB_QUEUED_HOOK = ""
    settings.COMPUTE, settings.DASK_SCHEDULER = "dask", compute.address
    source = make_dataset()

    def submit():
        return groups.submit(source, plan=GroupPlan.from_dict(REQUEST), by=admin)

    return submit


def run(group, *, meanwhile=None) -> list[dict]:
    """Its trials. `meanwhile` is called once three have finished."""
    done = threading.Event()

    def watch() -> None:
        finished = Trial.objects.filter(group=group).exclude(state="running")
        until(lambda: done.is_set() or finished.count() >= 3, what="Three trials", pause=0.02)
        meanwhile()
        connection.close()

    thread = threading.Thread(target=watch if meanwhile else lambda: None)
    thread.start()
    jobs_at_once.run(group.job)
    done.set()
    thread.join()
    group.job.refresh_from_db()
    assert group.job.state == "succeeded", group.job.error
    return list(group.trials.values(*FIELDS))


@pytest.fixture(scope="module")
def of_one_worker():
    """The trials of one worker, once there are some."""
    return []


def expected(search, compute, of_one_worker) -> list[dict]:
    if not of_one_worker:
        compute.run_workers(1)
        of_one_worker.extend(run(search()))
    return of_one_worker


def test_the_same_seed_has_the_same_trials_on_one_and_two_workers_also_if_one_is_killed(
    committed, search, compute, of_one_worker
):
    trials = expected(search, compute, of_one_worker)
    assert [trial["number"] for trial in trials] == list(range(1, 17))
    assert {trial["state"] for trial in trials} <= {"complete", "pruned"}
    compute.run_workers(2)
    group = search()
    assert run(group, meanwhile=compute.kill_worker) == trials
    assert group.job.attempt == 1


def test_a_killed_scheduler_ends_the_attempt_and_the_next_one_waits_for_it(
    committed, search, compute, of_one_worker
):
    trials = expected(search, compute, of_one_worker)

    compute.run_workers(1)
    group = search()
    second = TrainingJob.objects.filter(pk=group.job_id, attempt=2, state="running")

    def restart() -> None:
        compute.kill_scheduler()
        until(second.exists, what="The second attempt", pause=0.02)
        compute.start_scheduler()

    assert run(group, meanwhile=restart) == trials
    assert group.job.attempt == 2


def test_a_worker_that_the_platform_has_not_started_gets_no_task(settings, compute):
    settings.COMPUTE, settings.DASK_SCHEDULER = "dask", compute.address
    compute.run_workers(0)
    compute.start("distributed.cli.dask_worker", compute.address, "--no-nanny", "--no-dashboard")

    def refusal() -> str:
        with (
            pytest.raises(NotReady) as refused,
            cluster.connected(name="test", report=lambda text: None, wait_s=0),
        ):
            pass
        sentence = refused.value.message
        return sentence if "is not used" in sentence else ""

    sentence = until(refusal, what="The refused worker")
    assert "it was not started with `python -m mlplatform.compute worker`." in sentence
