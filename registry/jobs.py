"""Running a training job in a process of its own, and never leaving it without a true final state."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from mlplatform.errors import body_of
from registry.models import JobState, TrainingJob
from registry.training import train

logger = logging.getLogger(__name__)

HEARTBEAT_S = 5
LEASE_S = 30  # a running job whose heartbeat is older has lost its worker
MAX_ATTEMPTS = 2


# Where each stage of a training begins and ends on the way from 0 to 1: fitting is most of the work.
STAGES = {
    "loading": (0, 0.1),
    "checking": (0.1, 0.15),
    "fitting": (0.15, 0.8),
    "evaluating": (0.8, 0.95),
    "saving": (0.95, 1),
}

stopping = threading.Event()  # set by the worker's SIGTERM: hand the running job back and go


@task()
def run_job(job_id: int) -> None:
    """The queue's task. A job that is not queued any more was taken or ended by another: nothing to do."""
    taken = _take(job_id)
    if taken is None:
        return
    if not settings.TRAIN_IN_CHILD_PROCESS:
        run_attempt(taken)
        return
    child = subprocess.Popen(  # noqa: S603 - our own command
        [
            sys.executable,
            str(settings.BASE_DIR / "manage.py"),
            "run_attempt",
            str(job_id),
            str(taken.attempt),
        ],
        start_new_session=True,
        stdin=subprocess.PIPE,  # never written: the child ends when it closes, that is, when this worker dies
    )
    try:
        _watch(child, taken)
    finally:
        _end_group(child)
    if stopping.is_set():
        _hand_back(taken)
    _finish_for_dead_child(taken, child.returncode)


def _take(job_id: int) -> TrainingJob | None:
    now = timezone.now()
    worker = f"{socket.gethostname()}:{os.getpid()}"
    with transaction.atomic():
        job = TrainingJob.objects.select_for_update().filter(pk=job_id, state=JobState.QUEUED).first()
        if job is None:
            return None
        job.state, job.attempt, job.worker = JobState.RUNNING, job.attempt + 1, worker
        job.started_at, job.heartbeat_at = now, now
        job.save()
    return job


def _mine(job: TrainingJob):
    """This attempt's row, as long as it is this attempt's."""
    return TrainingJob.objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING)


def _watch(child: subprocess.Popen, job: TrainingJob) -> None:
    next_beat = time.monotonic() + HEARTBEAT_S
    while not stopping.is_set():
        try:
            child.wait(0.1)
            return
        except subprocess.TimeoutExpired:
            if time.monotonic() < next_beat:
                continue
            next_beat = time.monotonic() + HEARTBEAT_S
            if not _mine(job).update(heartbeat_at=timezone.now()):
                return  # superseded, or ended by the child in this moment


def _hand_back(job: TrainingJob) -> None:
    """Queue the job again as if this attempt had not been: its worker was asked to stop."""
    with transaction.atomic():
        if _mine(job).update(state=JobState.QUEUED, attempt=job.attempt - 1, stage="", progress=0):
            run_job.enqueue(job.pk)


def _end_group(child: subprocess.Popen) -> None:
    """Whatever the training started goes with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _finish_for_dead_child(job: TrainingJob, returncode: int) -> None:
    if returncode >= 0:
        cause = f"ended with code {returncode}"
    else:
        cause = f"was killed by {signal.Signals(-returncode).name}"
        if returncode == -signal.SIGKILL:
            cause += ", as happens when the machine runs out of memory"
    _fail(job, state=JobState.FAILED, sentence=f"The training process {cause}.", code="process_died")


def _fail(job: TrainingJob, *, state: str, sentence: str, code: str, trace: str = "") -> None:
    _mine(job).update(
        state=state, error=sentence, error_code=code, traceback=trace, finished_at=timezone.now()
    )


def run_attempt(job: TrainingJob) -> None:
    """Train, in this process, and record how it ended."""

    def progress(stage: str, fraction: float | None = None) -> None:
        start, end = STAGES[stage]
        done = start + (end - start) * (fraction or 0)
        _mine(job).update(stage=stage, progress=done, heartbeat_at=timezone.now())

    try:
        train(job, progress=progress)
    except ValidationError as error:
        body = body_of(error)
        _fail(job, state=JobState.FAILED, sentence=body["detail"], code=body["code"])
    except MemoryError:
        sentence = (
            "The training needed more memory than there is. Use fewer rows, fewer columns or a smaller model."
        )
        _fail(job, state=JobState.FAILED, sentence=sentence, code="out_of_memory")
    except Exception as error:
        logger.exception("job %s crashed", job.pk)
        sentence = f"The training crashed: {type(error).__name__}: {error}"[:1000]
        _fail(job, state=JobState.FAILED, sentence=sentence, code="crashed", trace=traceback.format_exc())


def reap() -> int:
    """Queue again, or end as lost, every running job whose worker has gone silent; how many there were."""
    silent_since = timezone.now() - timedelta(seconds=LEASE_S)
    count = 0
    for job in TrainingJob.objects.filter(state=JobState.RUNNING, heartbeat_at__lt=silent_since):
        with transaction.atomic():
            if job.attempt < MAX_ATTEMPTS:
                moved = (
                    _mine(job).filter(heartbeat_at__lt=silent_since).update(state=JobState.QUEUED, stage="")
                )
                if moved:
                    run_job.enqueue(job.pk)
            else:
                sentence = f"The worker that ran this job ({job.worker}) is gone. Train again."
                moved = (
                    _mine(job)
                    .filter(heartbeat_at__lt=silent_since)
                    .update(
                        state=JobState.LOST, error=sentence, error_code="lost", finished_at=timezone.now()
                    )
                )
        count += moved
    return count


def wait(job: TrainingJob, *, seconds: float) -> TrainingJob:
    """The job as it is when it has ended, or after this many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.05
    while True:
        job.refresh_from_db()
        left = deadline - time.monotonic()
        if job.is_finished or left <= 0:
            return job
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, 0.5)
