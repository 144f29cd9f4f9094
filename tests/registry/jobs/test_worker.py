"""The training worker watches its child process: limits, cancellation, death."""

import sys

import pytest

from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.child_process import SpareChild
from mlplatform.jobs.models import JobState
from registry.jobs import worker
from registry.models import TrainingJob

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def run(db):
    """The job's row after an attempt whose child process runs this script; `change` happens once it is claimed."""

    def run_child(script: str, *, change=lambda job: None, is_stopping=lambda: False) -> TrainingJob:
        request = {"model": {"module": "tree", "class": "DecisionTreeClassifier", "params": {}}}
        TrainingJob.objects.create(dataset_name="flowers", request=request, timeout_s=60)
        spare = SpareChild([sys.executable, "-u", "-c", f"print('ready', flush=True); {script}"])
        while not spare.prepare():
            pass
        job = leases.claim(TrainingJob, worker="here:1")
        change(job)
        worker.run(Attempt(job, is_stopping=is_stopping), spare=spare)
        return TrainingJob.objects.get()

    return run_child


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit(3)", "exited with code 3"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "runs out of memory"),
    ],
)
def test_a_child_that_dies_fails_its_job_with_the_cause(run, script, words):
    job = run(script)
    assert (job.state, job.error_code) == (JobState.FAILED, "process_died")
    assert words in job.error


def test_a_child_that_exceeds_the_time_limit_is_killed(run):
    def shorten(job):
        job.timeout_s = 1

    job = run(SLEEP, change=shorten)
    assert (job.state, job.error_code) == (JobState.TIMED_OUT, "timed_out")
    assert job.error == "The training exceeded its 1-second limit."


def test_a_child_that_exceeds_the_memory_limit_is_killed(run, settings):
    settings.TRAIN_MEMORY_MB = 100
    job = run(f"x = bytearray(150 * 2**20); {SLEEP}")
    assert (job.state, job.error_code) == (JobState.OUT_OF_MEMORY, "out_of_memory")
    assert "the limit is 100 MB. Use fewer rows" in job.error
    assert job.memory_peak_bytes > 100 * 2**20


def test_cancelling_kills_the_child(run, admin):
    job = run(SLEEP, change=lambda job: leases.cancel(TrainingJob.objects.get(), by=admin))
    assert (job.state, job.error) == (JobState.CANCELLED, "Cancelled by ada.")


def test_a_stopping_worker_kills_the_child_and_hands_the_job_back(run):
    job = run(SLEEP, is_stopping=lambda: True)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


def test_an_outcome_that_the_child_has_recorded_is_kept(run):
    job = run("print('done')", change=lambda job: leases.finish(job, JobState.SUCCEEDED))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert job.log == "done"


def test_a_superseded_attempt_changes_nothing(run):
    def supersede(job):
        TrainingJob.objects.update(attempt=2, log="of the other")

    job = run("print('done')", change=supersede)
    assert (job.state, job.attempt, job.log) == (JobState.RUNNING, 2, "of the other")
