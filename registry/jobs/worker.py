"""The worker's side of a training job: each attempt runs in a child process, within limits of time and memory."""

import signal
import time

from django.conf import settings

from mlplatform.jobs.attempt import Aborted, Attempt, Stopped, Superseded
from mlplatform.jobs.child_process import ChildProcess
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import database_may_be_unavailable
from registry.models import TrainingJob

POLL_S = 0.1
REPORT_EVERY_S = 1
EXIT_S = 5  # from the child's last write to its exit


def run(attempt: Attempt, *, work: str = "registry.jobs.attempt.run_claimed") -> None:
    """Run one attempt in a child process until it ends or has to end; then none of its processes is left."""
    with attempt.recording_outcome():
        child = ChildProcess(work, job=attempt.job.pk, attempt=attempt.job.attempt)
        try:
            _watch(child, attempt)
        finally:
            child.kill()
            _save_measurements(child, attempt.job)
        # A signal to all processes, which stops the worker, may have killed the child too.
        if attempt.is_stopping():
            raise Stopped
        # Without effect if the child has recorded the outcome, as it does unless it was killed.
        attempt.finish(JobState.FAILED, _cause_of_death(child.returncode), code="process_died")


def _watch(child: ChildProcess, attempt: Attempt) -> None:
    """Return when the child has exited. Raises Interrupted if it has to be killed."""
    job = attempt.job
    started = reported = time.monotonic()
    timeout_s = job.timeout_s or settings.TRAIN_TIMEOUT_S
    job.memory_peak_bytes = 0
    while child.returncode is None:
        _measure(child, job)
        if job.memory_bytes > settings.TRAIN_MEMORY_MB * 1024**2:
            raise _out_of_memory(job)
        if time.monotonic() - started > timeout_s:
            sentence = f"The training exceeded its {timeout_s}-second limit."
            raise Aborted(JobState.TIMED_OUT, sentence, code="timed_out")
        try:
            attempt.check()
        except Superseded:
            if child.wait(EXIT_S):  # it has recorded the outcome itself
                return
            raise
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            attempt.report(**_measurements(child, job))
        child.wait(POLL_S)


def _measure(child: ChildProcess, job: TrainingJob) -> None:
    job.memory_bytes = child.memory()
    job.memory_peak_bytes = max(job.memory_peak_bytes, job.memory_bytes)


def _measurements(child: ChildProcess, job: TrainingJob) -> dict:
    return {
        "log": child.log,
        "memory_bytes": job.memory_bytes,
        "memory_peak_bytes": job.memory_peak_bytes,
    }


def _save_measurements(child: ChildProcess, job: TrainingJob) -> None:
    """Write the last lines and the memory of an attempt that may have ended, unless another one has begun."""
    with database_may_be_unavailable():
        TrainingJob.objects.filter(pk=job.pk, attempt=job.attempt).update(**_measurements(child, job))


def _out_of_memory(job: TrainingJob) -> Aborted:
    used_mb = job.memory_bytes // 1024**2
    sentence = (
        f"The training used {used_mb} MB; the limit is {settings.TRAIN_MEMORY_MB} MB. {job.MEMORY_HINT}"
    )
    return Aborted(JobState.OUT_OF_MEMORY, sentence, code="out_of_memory")


def _cause_of_death(returncode: int) -> str:
    if returncode >= 0:
        return f"The training process exited with code {returncode} before it had finished."
    name = signal.Signals(-returncode).name
    hint = ", as happens when the machine runs out of memory" if name == "SIGKILL" else ""
    return f"The training process was killed by {name}{hint}."
