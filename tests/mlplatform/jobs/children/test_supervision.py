"""A worker watches the child process of an attempt: limits, cancellation, death."""

import os
import time

import psutil
import pytest

from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.children import supervision
from mlplatform.jobs.models import JobState
from registry.models import TrainingJob


def sleep(**claimed):
    time.sleep(600)


def use_memory(**claimed):
    content = bytearray(150 * 2**20)
    time.sleep(600)
    print(len(content))


def exit_with_3(**claimed):
    os._exit(3)


def crash(**claimed):
    os.kill(os.getpid(), 11)


def be_killed(**claimed):
    os.kill(os.getpid(), 9)


def print_done(**claimed):
    print("done")


@pytest.fixture
def run(db):
    """The job's row after an attempt whose child process runs this function; `change` happens once it is claimed."""

    def run_child(work, *, change=lambda job: None, is_stopping=lambda: False) -> TrainingJob:
        request = {"model": {"module": "tree", "class": "DecisionTreeClassifier", "params": {}}}
        TrainingJob.objects.create(dataset_name="flowers", request=request, timeout_s=60)
        job = leases.claim(TrainingJob, worker="here:1")
        change(job)
        supervision.run(Attempt(job, is_stopping=is_stopping), work=f"{__name__}.{work.__name__}")
        return TrainingJob.objects.get()

    return run_child


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (exit_with_3, "exited with code 3"),
        (crash, "SIGSEGV"),
        (be_killed, "runs out of memory"),
    ],
)
def test_a_child_that_dies_fails_its_job_with_the_cause(run, work, words):
    job = run(work)
    assert (job.state, job.error_code) == (JobState.FAILED, "process_died")
    assert words in job.error


def test_a_child_that_exceeds_the_time_limit_is_killed(run):
    def shorten(job):
        job.timeout_s = 1

    job = run(sleep, change=shorten)
    assert (job.state, job.error_code) == (JobState.TIMED_OUT, "timed_out")
    assert job.error == "The training exceeded its 1-second limit."


def test_a_child_that_exceeds_the_memory_limit_is_killed(run, settings):
    settings.TRAIN_MEMORY_MB = 100
    job = run(use_memory)
    assert (job.state, job.error_code) == (JobState.OUT_OF_MEMORY, "out_of_memory")
    assert "the limit is 100 MB. Use fewer rows" in job.error
    assert job.memory_peak_bytes > 100 * 2**20


def test_cancelling_kills_the_child(run, admin):
    job = run(sleep, change=lambda job: leases.cancel(TrainingJob.objects.get(), by=admin))
    assert (job.state, job.error) == (JobState.CANCELLED, "Cancelled by ada.")


def test_a_stopping_worker_kills_the_child_and_hands_the_job_back(run):
    job = run(sleep, is_stopping=lambda: True)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


def test_a_child_that_dies_with_its_worker_leaves_the_job_in_the_queue(run):
    """A signal to all processes of a service kills the child as it stops the worker."""
    me = psutil.Process()
    before = len(me.children(recursive=True))
    job = run(be_killed, is_stopping=lambda: len(me.children(recursive=True)) == before)
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


def test_an_outcome_that_the_child_has_recorded_is_kept(run):
    job = run(print_done, change=lambda job: leases.finish(job, JobState.SUCCEEDED))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert job.log == "done"


def test_a_superseded_attempt_changes_nothing(run):
    def supersede(job):
        TrainingJob.objects.update(attempt=2, log="of the other")

    job = run(print_done, change=supersede)
    assert (job.state, job.attempt, job.log) == (JobState.RUNNING, 2, "of the other")
