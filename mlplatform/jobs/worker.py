"""The loop of every worker process: claim a job, run it, repeat."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import connection

from mlplatform.jobs import leases, reaper
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.models import Job
from mlplatform.jobs.retries import database_may_be_unavailable

logger = logging.getLogger(__name__)


class Loop:
    """Does what there is to do, one thing after the other, until `is_stopping`."""

    job_class: type  # of the rows of work
    is_stopping = False  # not an Event: a signal handler must not take its lock

    def run_next(self) -> bool | None:
        """Do the next thing; false if there is none, or if it failed."""
        raise NotImplementedError

    def run_forever(self) -> None:
        while not self.is_stopping:
            # Not close_old_connections(): each poll would first ask whether the connection works, a query more.
            is_idle = True
            with database_may_be_unavailable():
                is_idle = not self.run_next()
            if is_idle:
                time.sleep(settings.JOB_POLL_S)


class Worker(Loop):
    """Runs the jobs of one class, oldest first and one at a time.

    `run` runs one attempt and leaves its job in a final state or queued. `tidy` runs in the background and returns the
    number of jobs it reaped.
    """

    def __init__(
        self,
        job_class: type[Job],
        run: Callable[[Attempt], None],
        *,
        tidy: Callable[[], int] | None = None,
    ):
        self.job_class, self._run = job_class, run
        self._tidy = tidy or partial(reaper.reap, job_class)
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    def run_forever(self) -> None:
        """Run jobs until `is_stopping`, which hands the current job back."""
        with reaper.running_in_background(self._tidy):
            super().run_forever()

    def run_next(self) -> bool:
        """Claim the oldest queued job and run it; False if no job is queued."""
        job = None if self.is_stopping else leases.claim(self.job_class, worker=self.name)
        if job is None:
            return False
        logger.info("%s %s: attempt %s", job.NOUN, job.pk, job.attempt)
        attempt = Attempt(job, is_stopping=lambda: self.is_stopping)
        with attempt.keeping_lease():
            self._run(attempt)
        return True


def run_until_signal(first: Loop, *others: Loop) -> None:
    """Run loops until SIGTERM or SIGINT, the others in threads of their own: they do not wait for each other's jobs.

    A second signal kills the process.
    """

    def stop(number, frame) -> None:
        for worker in (first, *others):
            worker.is_stopping = True
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    threads = [threading.Thread(target=_run_in_thread, args=[worker]) for worker in others]
    for thread in threads:
        thread.start()
    first.run_forever()
    for thread in threads:
        thread.join()


def _run_in_thread(worker: Loop) -> None:
    try:
        worker.run_forever()
    except Exception:
        logger.exception("a worker of %ss crashed", worker.job_class.NOUN)
        os.kill(os.getpid(), signal.SIGTERM)  # the supervisor starts all of them again
    finally:
        connection.close()
