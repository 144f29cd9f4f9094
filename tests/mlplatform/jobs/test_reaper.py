"""Jobs whose worker died: retried, lost or cancelled."""

import itertools
import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from mlplatform.jobs import leases, reaper
from mlplatform.jobs.models import JobState
from registry.models import TrainingJob
from tests.servers.clocks import CLOCKS, machine_clock


def test_a_job_with_an_expired_lease_is_queued_again(make_running):
    job = make_running(expired=True, stage="fitting", progress=0.5)
    assert reaper.reap(TrainingJob) == 1
    job.refresh_from_db()
    assert (job.state, job.attempt, job.stage, job.progress) == (JobState.QUEUED, 1, "", 0)


def test_a_job_whose_last_attempt_died_is_lost(make_running, settings):
    job = make_running(expired=True, attempt=settings.TRAIN_MAX_ATTEMPTS, worker="here:1")
    assert reaper.reap(TrainingJob) == 1
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.LOST, "lost")
    assert job.error == ("The worker (here:1) died or lost its machine, and no attempt is left. Train again.")


def test_a_job_that_was_being_cancelled_when_its_worker_died_is_cancelled(make_running):
    job = make_running(expired=True, cancel_requested_at=timezone.now(), error="Cancelled by ada.")
    assert reaper.reap(TrainingJob) == 1
    job.refresh_from_db()
    assert (job.state, job.error_code, job.error) == (JobState.CANCELLED, "cancelled", "Cancelled by ada.")


def test_a_valid_lease_is_respected(make_running):
    make_running()
    assert reaper.reap(TrainingJob) == 0


@pytest.mark.parametrize("seconds", CLOCKS.values(), ids=CLOCKS)
def test_a_machine_with_a_wrong_clock_takes_no_healthy_job(make_queued, seconds):
    make_queued()
    leases.claim(TrainingJob, worker="here:1")
    with machine_clock(seconds):
        assert reaper.reap(TrainingJob) == 0


@pytest.mark.parametrize("seconds", CLOCKS.values(), ids=CLOCKS)
def test_a_lease_of_a_machine_with_a_wrong_clock_expires_in_time(make_queued, settings, seconds):
    make_queued()
    with machine_clock(seconds):
        assert leases.renew(leases.claim(TrainingJob, worker="here:1"))
    assert reaper.reap(TrainingJob) == 0
    lease = timedelta(seconds=settings.TRAIN_LEASE_S)
    TrainingJob.objects.update(lease_expires_at=F("lease_expires_at") - lease)
    assert reaper.reap(TrainingJob) == 1


def test_a_job_whose_worker_died_keeps_its_place_in_the_queue(make_running, make_queued):
    first = make_running(expired=True)
    make_queued()
    reaper.reap(TrainingJob)
    assert leases.claim(TrainingJob, worker="here:1") == first


def test_queued_and_finished_jobs_are_left_alone(make_queued):
    make_queued()
    make_queued(state=JobState.FAILED, lease_expires_at=timezone.now())
    assert reaper.reap(TrainingJob) == 0


def test_the_background_reaper_survives_a_database_that_is_unavailable(settings):
    settings.TRAIN_LEASE_S = 0.06
    calls, is_done = [], threading.Event()

    def chore():
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("the server is restarting")
        is_done.set()
        return 0

    with reaper.running_in_background(chore):
        assert is_done.wait(30)


def test_workers_renew_their_leases_before_the_reaper_runs_on_a_machine_that_was_suspended(settings):
    settings.TRAIN_LEASE_S = 0.06
    events, is_done, hours = [], threading.Event(), itertools.chain([0], itertools.repeat(1))

    def clock():
        events.append("clock")
        return 3600 * next(hours)

    def chore():
        events.append("chore")
        if events.count("chore") == 2:
            is_done.set()
        return 0

    with reaper.running_in_background(chore, clock=clock):
        assert is_done.wait(30)
    assert events[:6] == ["chore", *["clock"] * 4, "chore"]
