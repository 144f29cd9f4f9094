"""What one attempt of a job records: interruptions, failures, crashes."""

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection
from django.utils import timezone

from mlplatform.jobs.attempt import Aborted, Attempt, Retried, Stopped, Superseded
from mlplatform.jobs.models import JobState
from registry.models import TrainingJob


@pytest.fixture
def outcome(make_running):
    """The job's row after an attempt that raised this."""

    def record(error):
        job = make_running()
        with Attempt(job).recording_outcome():
            raise error
        return TrainingJob.objects.get(pk=job.pk)

    return record


def test_an_attempt_that_may_go_on_passes_its_check(make_running):
    Attempt(make_running()).check()


def test_a_stopping_worker_interrupts_its_attempt(make_running):
    with pytest.raises(Stopped):
        Attempt(make_running(), is_stopping=lambda: True).check()


def test_a_cancelled_job_interrupts_its_attempt(make_running):
    job = make_running(cancel_requested_at=timezone.now(), error="Cancelled by ada.")
    with pytest.raises(Aborted) as reason:
        Attempt(job).check()
    assert (reason.value.state, reason.value.sentence) == (JobState.CANCELLED, "Cancelled by ada.")


@pytest.mark.parametrize("change", [{"attempt": 2}, {"state": JobState.QUEUED}, {"state": JobState.LOST}])
def test_an_attempt_that_lost_its_job_is_superseded(make_running, change):
    job = make_running()
    TrainingJob.objects.update(**change)
    with pytest.raises(Superseded):
        Attempt(job).check()


def test_the_lease_is_renewed_while_the_work_goes_on(make_running, settings):
    class Recording(Attempt):
        """Records the renewals: a thread has no part in the transaction of a test."""

        def report(self, **fields):
            is_renewed.set()

    settings.TRAIN_LEASE_S = 0.06
    is_renewed = threading.Event()
    with Recording(make_running()).keeping_lease():
        assert is_renewed.wait(30)


def test_a_stopped_attempt_hands_its_job_back(outcome):
    job = outcome(Stopped())
    assert (job.state, job.attempt) == (JobState.QUEUED, 0)


def test_an_attempt_that_lost_what_it_needs_is_followed_by_another_one(outcome):
    job = outcome(Retried("The scheduler was lost.", code="compute_lost"))
    assert (job.state, job.attempt, job.error) == (JobState.QUEUED, 1, "")


def test_the_last_attempt_that_lost_what_it_needs_fails_for_this_reason(outcome, settings):
    settings.TRAIN_MAX_ATTEMPTS = 1
    job = outcome(Retried("The scheduler was lost.", code="compute_lost"))
    assert (job.state, job.error_code) == (JobState.FAILED, "compute_lost")
    assert job.error == "The scheduler was lost. Train again."


def test_a_superseded_attempt_writes_nothing(outcome):
    assert outcome(Superseded()).state == JobState.RUNNING


def test_an_aborted_attempt_records_its_reason(outcome):
    job = outcome(Aborted(JobState.TIMED_OUT, "Too long.", code="timed_out"))
    assert (job.state, job.error, job.error_code) == (JobState.TIMED_OUT, "Too long.", "timed_out")


def test_a_validation_error_is_the_message_of_a_failed_job(outcome):
    job = outcome(ValidationError("Only one class.", code="one_class"))
    assert (job.state, job.error, job.error_code) == (JobState.FAILED, "Only one class.", "one_class")
    assert job.traceback == ""


def test_a_failed_job_quotes_five_messages_and_counts_the_others(outcome):
    job = outcome(ValidationError([f"Row {n} is wrong." for n in range(7)]))
    assert job.error.startswith("Row 0 is wrong. Row 1 is wrong.")
    assert job.error.endswith("Row 4 is wrong. And 2 more like these.")


def test_running_out_of_memory_is_a_state_with_a_remedy(outcome):
    job = outcome(MemoryError())
    assert (job.state, job.error_code) == (JobState.OUT_OF_MEMORY, "out_of_memory")
    assert job.error == "The training ran out of memory. Use fewer rows or columns, or a smaller model."


def test_a_crash_is_recorded_with_its_traceback(outcome):
    job = outcome(TypeError("not a number"))
    assert (job.state, job.error_code) == (JobState.FAILED, "crashed")
    assert job.error == "The training crashed: TypeError: not a number"
    assert "Traceback" in job.traceback


def test_a_report_is_skipped_while_the_database_is_unavailable(make_running, caplog):
    def unavailable(*args):
        raise OperationalError("the connection is closed")

    job = make_running()
    with connection.execute_wrapper(unavailable):
        Attempt(job).report(progress=0.5)
    assert "the database is unavailable: the connection is closed" in caplog.text
