"""The worker's side of a job whose attempts run in a child process, within limits of time and memory."""

import signal
import time

from mlplatform.jobs.attempt import Aborted, Attempt, Stopped, Superseded
from mlplatform.jobs.children.process import ChildProcess
from mlplatform.jobs.models import ChildJob, JobState
from mlplatform.jobs.retries import database_may_be_unavailable

POLL_S = 0.1
REPORT_EVERY_S = 1
EXIT_S = 5  # from the child's last write to its exit


def run(attempt: Attempt, *, work: str | None = None) -> None:
    """Run one attempt in a child process until it ends or has to end; then none of its processes is left."""
    with attempt.recording_outcome():
        child = ChildProcess(work or attempt.job.WORK, job=attempt.job.pk, attempt=attempt.job.attempt)
        try:
            _watch(child, attempt)
        finally:
            child.kill()
            _save_measurements(child, attempt.job)
        # A signal to all processes, which stops the worker, may have killed the child too.
        if attempt.is_stopping():
            raise Stopped
        # Without effect if the child has recorded the outcome, as it does unless it was killed.
        attempt.finish(JobState.FAILED, _cause_of_death(child.returncode, attempt.job), code="process_died")


def _watch(child: ChildProcess, attempt: Attempt) -> None:
    """Return when the child has exited. Raises Interrupted if it has to be killed."""
    job = attempt.job
    started = reported = time.monotonic()
    job.memory_peak_bytes = 0
    while child.returncode is None:
        _measure(child, job)
        if job.memory_bytes > job.memory_limit_mb * 1024**2:
            raise _out_of_memory(job)
        if time.monotonic() - started > job.time_limit_s:
            sentence = f"{job.ACTIVITY} exceeded its {job.time_limit_s}-second limit."
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


def _measure(child: ChildProcess, job: ChildJob) -> None:
    job.memory_bytes = child.memory()
    job.memory_peak_bytes = max(job.memory_peak_bytes, job.memory_bytes)


def _measurements(child: ChildProcess, job: ChildJob) -> dict:
    return {
        "log": child.log,
        "memory_bytes": job.memory_bytes,
        "memory_peak_bytes": job.memory_peak_bytes,
    }


def _save_measurements(child: ChildProcess, job: ChildJob) -> None:
    """Write the last lines and the memory of an attempt that may have ended, unless another one has begun."""
    with database_may_be_unavailable():
        type(job).objects.filter(pk=job.pk, attempt=job.attempt).update(**_measurements(child, job))


def _out_of_memory(job: ChildJob) -> Aborted:
    used_mb = job.memory_bytes // 1024**2
    sentence = f"{job.ACTIVITY} used {used_mb} MB; the limit is {job.memory_limit_mb} MB. {job.MEMORY_HINT}"
    return Aborted(JobState.OUT_OF_MEMORY, sentence, code="out_of_memory")


def _cause_of_death(returncode: int, job: ChildJob) -> str:
    if returncode >= 0:
        return f"{job.ACTIVITY} process exited with code {returncode} before it had finished."
    name = signal.Signals(-returncode).name
    hint = ", as happens when the machine runs out of memory" if name == "SIGKILL" else ""
    return f"{job.ACTIVITY} process was killed by {name}{hint}."
