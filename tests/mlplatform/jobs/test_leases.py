"""Every change of a job's state: queued, claimed, renewed, finished, handed back, cancelled."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mlplatform.errors import Conflict, NotFound
from mlplatform.jobs import leases
from mlplatform.jobs.models import JobState
from registry.models import TrainingJob


def test_a_queued_job_is_claimed_once(make_queued, settings):
    queued = make_queued()
    claimed = leases.claim(TrainingJob, worker="here:1")
    assert claimed.pk == queued.pk
    assert leases.claim(TrainingJob, worker="there:2") is None
    queued.refresh_from_db()
    assert (queued.state, queued.attempt, queued.worker) == (JobState.RUNNING, 1, "here:1")
    assert queued.lease_expires_at - queued.heartbeat_at == timedelta(seconds=settings.TRAIN_LEASE_S)


def test_the_oldest_job_is_claimed_first(make_queued):
    jobs = [make_queued().pk for _ in range(3)]
    assert [leases.claim(TrainingJob, worker="here:1").pk for _ in range(3)] == jobs


def test_a_claim_resets_what_an_earlier_attempt_wrote(make_queued):
    make_queued(attempt=1, stage="fitting", progress=0.5, log="a line", memory_bytes=9)
    claimed = leases.claim(TrainingJob, worker="here:1")
    assert (claimed.attempt, claimed.stage, claimed.progress, claimed.log) == (2, "", 0, "")
    assert claimed.memory_bytes is None


def test_renewing_keeps_a_cancellation_that_the_worker_has_not_read(make_queued, admin):
    queued = make_queued()
    claimed = leases.claim(TrainingJob, worker="here:1")
    leases.cancel(queued, by=admin)
    assert leases.renew(claimed, progress=0.1)
    assert TrainingJob.objects.get().cancel_requested_at


@pytest.mark.parametrize("state", [state for state in JobState if state != JobState.QUEUED])
def test_only_queued_jobs_are_claimed(make_queued, state):
    job = make_queued(state=state, attempt=1, error="because")
    assert leases.claim(TrainingJob, worker="here:1") is None
    job.refresh_from_db()
    assert (job.state, job.attempt, job.error) == (state, 1, "because")


def test_an_idle_worker_reads_one_row_and_takes_no_lock(make_running):
    make_running()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        leases.claim(TrainingJob, worker="here:1")
    (query,) = queries.captured_queries
    assert query["sql"].startswith("SELECT 1")


def test_renewing_extends_the_lease_of_the_own_attempt_only(make_running):
    job = make_running(expired=True)
    assert leases.renew(job, log="a line")
    current = TrainingJob.objects.get()
    assert current.lease_expires_at > timezone.now()
    assert current.log == "a line"
    TrainingJob.objects.update(attempt=2)
    assert not leases.renew(job, log="another")
    assert TrainingJob.objects.get().log == "a line"


def test_a_finished_job_keeps_its_state(make_running):
    job = make_running()
    assert leases.finish(job, JobState.SUCCEEDED)
    assert not leases.finish(job, JobState.FAILED, error="late")
    current = TrainingJob.objects.get()
    assert (current.state, current.error) == (JobState.SUCCEEDED, "")
    assert current.finished_at


def test_finishing_unless_cancelled_leaves_a_cancelled_job_running(make_running, admin):
    job = make_running()
    leases.cancel(TrainingJob.objects.get(), by=admin)
    assert not leases.finish(job, JobState.SUCCEEDED, unless_cancelled=True)
    assert TrainingJob.objects.get().state == JobState.RUNNING


def test_handing_back_queues_a_job_without_counting_the_attempt(make_running):
    job = make_running(stage="fitting", progress=0.5)
    leases.hand_back(job)
    job.refresh_from_db()
    assert (job.state, job.attempt, job.progress, job.stage) == (JobState.QUEUED, 0, 0, "")
    assert leases.claim(TrainingJob, worker="there:2").attempt == 1


def test_a_superseded_attempt_hands_nothing_back(make_running):
    job = make_running()
    TrainingJob.objects.update(attempt=2)
    leases.hand_back(job)
    assert TrainingJob.objects.get().state == JobState.RUNNING


def test_cancelling_a_queued_job_finishes_it(make_queued, admin):
    job = leases.cancel(make_queued(), by=admin)
    assert (job.state, job.error, job.error_code) == (JobState.CANCELLED, "Cancelled by ada.", "cancelled")
    assert leases.claim(TrainingJob, worker="here:1") is None


def test_cancelling_a_running_job_asks_its_worker_to_stop_it(make_running, admin):
    job = leases.cancel(make_running(), by=admin)
    assert (job.state, job.error) == (JobState.RUNNING, "Cancelled by ada.")
    assert job.cancel_requested_at


def test_a_finished_job_cannot_be_cancelled(make_queued, admin):
    with pytest.raises(Conflict, match=r"has already finished \(failed\)"):
        leases.cancel(make_queued(state=JobState.FAILED), by=admin)


def test_a_deleted_job_cannot_be_cancelled(make_queued, admin):
    job = make_queued()
    TrainingJob.objects.all().delete()
    with pytest.raises(NotFound, match="There is no job"):
        leases.cancel(job, by=admin)


@pytest.mark.usefixtures("committed")
def test_a_job_whose_dataset_was_deleted_in_the_meantime_is_not_queued():
    with pytest.raises(NotFound, match="was deleted in the meantime"):
        leases.enqueue(TrainingJob(dataset_name="flowers", dataset_version_id=999, request={}))
