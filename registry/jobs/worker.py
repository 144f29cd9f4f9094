"""The worker's side of a training job: a process of its own for each attempt, watched until it is gone."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass

import psutil
from django.conf import settings
from django.db import DatabaseError, connection

from mlplatform.jobs import leases
from registry.jobs.attempt import MEMORY_SENTENCE, run_attempt
from registry.models import JobState, TrainingJob

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1  # at the process and its memory
ASK_EVERY_S = 0.5  # the database: cancelled, or superseded
WRITE_EVERY_S = 1  # log and memory
RELATIVES_EVERY_S = 2  # what the training started itself
LOG_LINES, LOG_WIDTH = 200, 500
READY_LINE = b"ready\n"  # what a child says when its imports are behind it
FINAL_WRITE_S = 120  # how long the end of an attempt waits for a database that is away


@dataclass(frozen=True)
class Verdict:
    """Why an attempt must end."""

    state: str
    sentence: str
    code: str


class Child:
    """A fresh interpreter in its own process group that has imported what a training needs and waits for one."""

    def __init__(self):
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-u", str(settings.BASE_DIR / "manage.py"), "run_attempt"],
            start_new_session=True,
            stdin=subprocess.PIPE,  # held open: the child ends when it closes, that is, when this worker dies
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.ready = threading.Event()
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.relatives: list[psutil.Process] = []
        self.looked_at = 0.0

    def _read(self) -> None:
        for line in self.process.stdout:
            if not self.ready.is_set() and line == READY_LINE:
                self.ready.set()
            else:
                self.lines.append(line.decode(errors="replace").rstrip()[:LOG_WIDTH])

    def assign(self, job: TrainingJob) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"job": job.pk, "attempt": job.attempt}).encode() + b"\n")
            self.process.stdin.flush()

    @property
    def log(self) -> str:
        return "\n".join(list(self.lines))

    def memory(self) -> int:
        """Bytes resident in the child and in all that it started."""
        with contextlib.suppress(psutil.Error):
            me = psutil.Process(self.process.pid)
            if time.monotonic() - self.looked_at > RELATIVES_EVERY_S:
                self.relatives, self.looked_at = me.children(recursive=True), time.monotonic()
            return me.memory_info().rss + sum(_resident(process) for process in self.relatives)
        return 0

    def kill(self) -> None:
        """End the whole group, and return when nothing of it is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except (ProcessLookupError, PermissionError):
                break
            time.sleep(0.02)
        self.reader.join(timeout=1)


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


_spare: Child | None = None


def prepare() -> None:
    """Have a child ready for the next job: its imports take seconds, which a job should not wait for."""
    global _spare
    if not settings.TRAIN_IN_CHILD_PROCESS or leases.stopping.is_set():
        return
    if _spare and _spare.process.poll() is not None:
        logger.error(
            "the process for the next training ended with code %s: %s", _spare.process.returncode, _spare.log
        )
        _spare = None
        time.sleep(1)
    _spare = _spare or Child()


def dismiss() -> None:
    """End the child that waits for a job."""
    global _spare
    if _spare:
        _spare.kill()
        _spare = None


def run(job_id: int) -> None:
    """Take a job and see one attempt of it through to a final state, or hand it back when the worker stops.

    The job is taken when its child is ready: imports are not counted as its time.
    """
    child = _ready_child() if settings.TRAIN_IN_CHILD_PROCESS else None
    if leases.stopping.is_set():
        leases.put_back(TrainingJob, job_id)
        return
    job = leases.take(TrainingJob, job_id, worker=f"{socket.gethostname()}:{os.getpid()}")
    if job is None:
        return
    if child is None:
        run_attempt(job)
        return
    _use_spare()
    child.assign(job)
    verdict = None
    try:
        verdict = _watch(child, job)
    finally:
        child.kill()
    _conclude(child, job, verdict)


def _ready_child() -> Child | None:
    """The child that waits for a job, when it is ready; None when the worker must stop meanwhile."""
    while not leases.stopping.is_set():
        prepare()
        if _spare.ready.wait(LOOK_EVERY_S):
            return _spare
    return None


def _use_spare() -> None:
    global _spare
    _spare = None


def _watch(child: Child, job: TrainingJob) -> Verdict | None:
    """Look after a child until it has ended or the worker must stop; a verdict where it must end for a reason."""
    begun = asked = written = beaten = time.monotonic()
    shown = None
    timeout_s = job.timeout_s or settings.TRAIN_TIMEOUT_S
    job.memory_peak_bytes = 0
    while not leases.stopping.is_set() and child.process.poll() is None:
        now = time.monotonic()
        job.memory_bytes = child.memory()
        job.memory_peak_bytes = max(job.memory_peak_bytes, job.memory_bytes)
        if job.memory_bytes > settings.TRAIN_MEMORY_MB * 1024**2:
            return _out_of_memory(job.memory_bytes)
        if now - begun > timeout_s:
            sentence = f"The training took longer than the {timeout_s} seconds that it may."
            return Verdict(JobState.TIMED_OUT, sentence, "timed_out")
        if now - asked > ASK_EVERY_S:
            asked = now
            if verdict := _asked_to_end(job):
                return verdict
        news = (child.log, job.memory_bytes)
        if now - beaten > leases.BEAT_S or (now - written > WRITE_EVERY_S and news != shown):
            beaten, written, shown = now, now, news
            with _database_may_be_away():
                leases.beat(job, log=child.log, **_memory(job))
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(LOOK_EVERY_S)
    return None


def _out_of_memory(used: int) -> Verdict:
    used_mb = used // 1024**2
    sentence = f"{MEMORY_SENTENCE} It used {used_mb} MB and may use {settings.TRAIN_MEMORY_MB} MB."
    return Verdict(JobState.OUT_OF_MEMORY, sentence, "out_of_memory")


def _memory(job: TrainingJob) -> dict:
    return {"memory_bytes": job.memory_bytes, "memory_peak_bytes": job.memory_peak_bytes}


def _asked_to_end(job: TrainingJob) -> Verdict | None:
    with _database_may_be_away():
        row = (
            TrainingJob.objects.filter(pk=job.pk)
            .values("state", "attempt", "cancel_requested_at", "error")
            .first()
        )
        if row is None or row["attempt"] != job.attempt:
            return Verdict(JobState.LOST, "Another attempt has taken over.", "superseded")
        if row["state"] == JobState.RUNNING and row["cancel_requested_at"]:
            return Verdict(JobState.CANCELLED, row["error"], "cancelled")
    return None


@contextlib.contextmanager
def _database_may_be_away():
    """The training goes on without it; the connection is made anew the next time."""
    try:
        yield
    except DatabaseError as error:
        logger.warning("the database does not answer: %s", error)
        connection.close()


def _conclude(child: Child, job: TrainingJob, verdict: Verdict | None) -> None:
    """Write how the attempt ended, however long the database takes to be there."""
    deadline = time.monotonic() + FINAL_WRITE_S
    while True:
        try:
            mine = TrainingJob.objects.filter(pk=job.pk, attempt=job.attempt)
            mine.update(log=child.log, **_memory(job))
            if verdict:
                leases.end(job, verdict.state, sentence=verdict.sentence, code=verdict.code)
            elif leases.stopping.is_set():
                leases.hand_back(job)
            leases.end(job, JobState.FAILED, sentence=_cause(child.process.returncode), code="process_died")
            return
        except DatabaseError:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _cause(returncode: int) -> str:
    if returncode >= 0:
        return f"The training process ended with code {returncode} before it was done."
    name = signal.Signals(-returncode).name
    hint = ", as happens when the machine runs out of memory" if name == "SIGKILL" else ""
    return f"The training process was killed by {name}{hint}."
