"""The loop of every worker process."""

import os
import signal
import subprocess
import sys

import pytest
from django.db import OperationalError

from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Stopped
from mlplatform.jobs.models import JobState
from mlplatform.jobs.worker import Worker, run_until_signal
from registry.models import TrainingJob


@pytest.fixture(autouse=True)
def _same_signal_handlers():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def stop(attempt=None):
    os.kill(os.getpid(), signal.SIGTERM)


def succeed(attempt):
    leases.finish(attempt.job, JobState.SUCCEEDED)


def states() -> list[str]:
    return list(TrainingJob.objects.order_by("pk").values_list("state", flat=True))


def run(*args, **options):
    run_until_signal(Worker(TrainingJob, *args, tidy=lambda: 0, **options))


def test_jobs_run_one_after_the_other_until_the_worker_is_stopped(make_queued):
    jobs = [make_queued().pk for _ in range(3)]
    seen = []

    def work(attempt):
        seen.append(attempt.job.pk)
        succeed(attempt)
        if len(seen) == 2:
            stop()

    run(work)
    assert seen == jobs[:2]
    assert states() == ["succeeded", "succeeded", "queued"]


def test_a_job_that_was_queued_before_the_worker_started_is_run(make_queued):
    """As after an upgrade: a row in state queued is all that a worker needs."""
    make_queued()
    assert Worker(TrainingJob, succeed).run_next()
    assert states() == ["succeeded"]


def test_a_stopping_worker_interrupts_its_attempt_and_claims_no_other(make_queued):
    make_queued()
    interrupted = []

    def work(attempt):
        stop()
        with pytest.raises(Stopped):
            attempt.check()
        interrupted.append(attempt.job.pk)

    run(work)
    assert len(interrupted) == 1


def test_a_worker_survives_a_database_that_is_unavailable(make_queued):
    make_queued()
    make_queued()
    outcomes = iter([OperationalError("the server is restarting"), None])

    def work(attempt):
        if error := next(outcomes):
            raise error
        succeed(attempt)
        stop()

    run(work)
    assert states() == ["running", "succeeded"]


def test_an_idle_worker_polls_until_a_job_is_queued(make_queued):
    polls = []

    class Polled(Worker):
        def run_next(self) -> bool:
            polls.append(1)
            if len(polls) == 3:
                make_queued()
            return super().run_next()

    def work(attempt):
        succeed(attempt)
        stop()

    run_until_signal(Polled(TrainingJob, work, tidy=lambda: 0))
    assert (len(polls), states()) == (3, ["succeeded"])


@pytest.mark.parametrize("app, command", [("registry", "worker"), ("serving", "scorer")])
def test_an_idle_worker_has_imported_no_pandas(app, command):
    code = (
        "import django, sys; django.setup(); from django.core.management import load_command_class; "
        f"load_command_class({app!r}, {command!r}); sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
