"""The life of a job: taken once, beaten for, taken up again, ended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry import jobs
from registry.models import JobState, TrainingJob


@pytest.fixture
def job(make_dataset):
    def make(**fields):
        request = {"model": {"module": "tree", "class": "DecisionTreeClassifier", "params": {}}}
        source = make_dataset()
        wanted = {"target_column": "species", "features": ["length"], "test_size": 0.2, "random_state": 1}
        return TrainingJob.objects.create(
            dataset_name=source.dataset.name,
            dataset_version=source,
            request=request | wanted | {"description": ""},
            **fields,
        )

    return make


def test_a_job_is_taken_once(job):
    queued = job()
    taken = jobs._take(queued.pk)
    assert (taken.state, taken.attempt) == (JobState.RUNNING, 1)
    assert jobs._take(queued.pk) is None


def test_a_job_that_is_not_queued_is_left_alone(job):
    done = job(state=JobState.FAILED, error="because")
    jobs.run_job.call(done.pk)
    done.refresh_from_db()
    assert (done.state, done.attempt, done.error) == (JobState.FAILED, 0, "because")


def test_a_silent_job_is_tried_again(job):
    silent = job(state=JobState.RUNNING, attempt=1, heartbeat_at=timezone.now() - timedelta(seconds=31))
    assert jobs.reap() == 1
    silent.refresh_from_db()
    assert (silent.state, silent.attempt) == (JobState.SUCCEEDED, 2)


def test_a_job_that_fell_silent_twice_is_lost(job):
    silent = job(
        state=JobState.RUNNING, attempt=2, worker="here:1", heartbeat_at=timezone.now() - timedelta(minutes=5)
    )
    assert jobs.reap() == 1
    silent.refresh_from_db()
    assert silent.state == JobState.LOST
    assert "here:1" in silent.error


def test_a_job_whose_heart_beats_is_not_reaped(job):
    job(state=JobState.RUNNING, attempt=1, heartbeat_at=timezone.now() - timedelta(seconds=20))
    assert jobs.reap() == 0


def test_a_deleted_dataset_is_the_reason_that_the_job_gives(job):
    orphan = job()
    orphan.dataset_version.dataset.delete()
    jobs.run_job.call(orphan.pk)
    orphan.refresh_from_db()
    assert "deleted before the training began" in orphan.error


@pytest.mark.parametrize(
    ("returncode", "words"), [(1, "ended with code 1"), (-11, "SIGSEGV"), (-9, "runs out of memory")]
)
def test_a_dead_process_is_told_apart_by_its_signal(job, returncode, words):
    running = job(state=JobState.RUNNING, attempt=1)
    jobs._finish_for_dead_child(running, returncode)
    running.refresh_from_db()
    assert running.state == JobState.FAILED
    assert words in running.error


def test_a_job_that_has_ended_keeps_its_end(make_job):
    done = make_job()
    jobs._finish_for_dead_child(done, -9)
    done.refresh_from_db()
    assert done.state == JobState.SUCCEEDED


def test_a_crash_is_recorded_with_its_traceback(job):
    broken = job(state=JobState.RUNNING, attempt=1)
    broken.request["model"] = None
    jobs.run_attempt(broken)
    broken.refresh_from_db()
    assert (broken.state, broken.error_code) == (JobState.FAILED, "crashed")
    assert "TypeError" in broken.error
    assert "Traceback" in broken.traceback


def test_waiting_ends_with_the_job_or_the_time(job, make_job):
    assert jobs.wait(make_job(), seconds=30).is_finished
    assert not jobs.wait(job(state=JobState.RUNNING), seconds=0.2).is_finished
