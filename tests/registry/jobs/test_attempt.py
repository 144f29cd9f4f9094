"""What an attempt writes into its job while it trains."""

import numpy
import pytest

from mlplatform.jobs.models import JobState
from registry.jobs import attempt
from registry.jobs.attempt import Reporter
from registry.models import TrainingJob


@pytest.fixture
def running(make_job, settings):
    settings.JOB_QUEUED_HOOK = ""
    job = make_job()
    TrainingJob.objects.update(state=JobState.RUNNING, attempt=1)
    job.refresh_from_db()
    return job


def test_a_job_lists_its_stages_with_their_start_times(make_job):
    job = make_job()
    assert [name for name, _ in job.timings] == ["loading", "checking", "fitting", "evaluating", "saving"]
    instants = [instant for _, instant in job.timings]
    assert instants == sorted(instants)


def test_progress_is_the_share_of_the_stage_within_the_whole(running):
    Reporter(running)("fitting", 0.5)
    running.refresh_from_db()
    assert running.progress == pytest.approx(0.475)
    assert running.stage == "fitting"


def test_a_superseded_attempt_reports_nothing(running):
    TrainingJob.objects.update(attempt=2)
    Reporter(running)("fitting", 0.5)
    running.refresh_from_db()
    assert (running.stage, running.progress) == ("", 0)


def test_a_crash_is_recorded_with_its_traceback(running):
    running.request["model"] = None
    attempt.run(running)
    running.refresh_from_db()
    assert (running.state, running.error_code) == (JobState.FAILED, "crashed")
    assert "TypeError" in running.error
    assert "Traceback" in running.traceback


def test_each_attempt_has_its_own_random_numbers(db):
    """Its process is a fork, and would have those of every other fork."""
    drawn = set()
    for _ in range(2):
        numpy.random.seed(1)
        attempt.run_claimed(job=0, attempt=1)
        drawn.add(numpy.random.random())
    assert len(drawn) == 2
