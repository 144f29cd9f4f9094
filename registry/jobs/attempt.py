"""One attempt of a training job, in its own process."""

import time
from collections.abc import Callable
from functools import partial

import numpy
from django.utils import timezone

from mlplatform.jobs import leases
from mlplatform.jobs.attempt import Attempt
from mlplatform.jobs.models import JobState
from mlplatform.jobs.retries import database_may_be_unavailable
from registry.models import TrainingJob
from registry.search.run import run_group
from registry.training.registration import FittedModel
from registry.training.run import fit, train

# The shares of the stages in the whole, from 0 to 1: fitting takes most of the time.
STAGES = {
    "loading": (0, 0.1),
    "checking": (0.1, 0.15),
    "fitting": (0.15, 0.8),
    "evaluating": (0.8, 0.82),
    "cross-validating": (0.82, 0.92),
    "refitting": (0.92, 0.95),
    "saving": (0.95, 1),
}
STAGES_OF_GROUP = {
    "loading": (0, 0.03),
    "checking": (0.03, 0.05),
    "trials": (0.05, 0.9),
    "fitting": (0.9, 0.95),
    "evaluating": (0.95, 0.97),
    "cross-validating": (0.97, 0.98),
    "refitting": (0.97, 0.98),
    "saving": (0.98, 1),
}
WRITE_EVERY_S = 0.5
RETRY_S = 60  # how long saving the model is retried while the database or the object store is unavailable


class Reporter:
    """Writes an attempt's stage and progress to its job, at most twice a second within a stage."""

    def __init__(self, job: TrainingJob):
        self.job = job
        self.stages = STAGES_OF_GROUP if job.is_group else STAGES
        self.timings: list[list[str]] = []
        self.written_at = 0.0

    def __call__(self, stage: str, fraction: float | None = None) -> None:
        is_new = not self.timings or self.timings[-1][0] != stage
        if is_new:
            self.timings.append([stage, timezone.now().isoformat()])
        elif time.monotonic() - self.written_at < WRITE_EVERY_S:
            return
        start, end = self.stages[stage]
        progress = start + (end - start) * min(fraction or 0, 1)
        with database_may_be_unavailable():
            leases.owned(self.job).update(stage=stage, progress=progress, timings=self.timings)
        self.written_at = time.monotonic()


def run_claimed(*, job: int, attempt: int) -> None:
    """Run an attempt that a worker has claimed, in the child process that it has forked for it."""
    numpy.random.seed()
    jobs = TrainingJob.objects.select_related("dataset_version__dataset", "requested_by", "group")
    if claimed := jobs.filter(pk=job, attempt=attempt, state=JobState.RUNNING).first():
        run(claimed, retry_s=RETRY_S)


def run(job: TrainingJob, *, retry_s: float = 0, fit: Callable[..., FittedModel] = fit) -> None:
    """Train in this process, and record the outcome."""
    with Attempt(job).recording_outcome():
        work = run_group if job.is_group else partial(train, fit=fit)
        work(job, progress=Reporter(job), retry_s=retry_s)
